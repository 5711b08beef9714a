"""The commands of the command line, one file each.

In come the options of a command; out come lines on the screen, files, and an exit status. Each file
has `add_command(commands)`, which adds its parser.
"""
