"""Values and bytes of mail: pure, no socket, no disk, no clock."""
