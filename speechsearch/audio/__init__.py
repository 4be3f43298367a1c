"""Sound in: a microphone, or a recording that plays like one."""
