"""The edge of the doctor: each file looks at one part of the machine and gives that part's frozen facts."""
