"""What tests of a machine file need: fakes of everything outside (`world`), and a pytest plugin (`plugin`)."""
