"""`python -m oxidizedvision`."""

from oxidizedvision.cli import main

if __name__ == "__main__":
    main()
