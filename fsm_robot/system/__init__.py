"""What differs between Windows and POSIX, and the threads that all rooms start."""
