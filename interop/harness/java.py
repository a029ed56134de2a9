"""ZooKeeper's Java programs."""

from pathlib import Path


def java_command(java: Path, *arguments: str) -> list[str]:
    """The command line of a Java program with ZooKeeper's jars and ours: options, the class, its arguments."""
    class_path = f"{java / 'classes'}:{java / 'lib'}/*"
    return ["java", "-Xmx128m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", class_path, *arguments]
