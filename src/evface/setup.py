"""Package of the library: `pip install ./src/evface` without ROS, ament_python within a colcon workspace."""

from setuptools import find_packages, setup

setup(
    name="evface",
    version="0.1.0",
    description="Faces in event cameras: recordings, datasets and spiking networks for facial Action Units",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["evface", "evface.*"]),
    package_data={"evface": ["py.typed", "**/*.yaml", "**/*.json", "**/*.md", "**/*.css"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/evface"]),
        ("share/evface", ["package.xml"]),
    ],
    install_requires=[
        "av",
        "dv-processing",
        "h5py",
        "lz4",
        "mcap",
        "numba",
        "numpy>=2",
        "opencv-python-headless",
        "pydantic>=2",
        "pyyaml",
        "rich",
        "rosbags",
        "ruamel.yaml",
        "scikit-image",
        "scipy",
        "typer",
        "zstandard",
    ],
    extras_require={
        "learn": ["matplotlib", "safetensors", "spikingjelly", "tensorboard", "torch", "torchvision"],
        "cluster": ["ray"],
        "evk4": ["neuromorphic-drivers"],
    },
    entry_points={"console_scripts": ["evface = evface.cli:main"]},
    zip_safe=False,
)
