"""Which version answers: registry, router, judge, controller; it lets a new one in step by step."""
