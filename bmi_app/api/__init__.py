"""Python's way into the program: what `import bmi_app` offers to notebooks and programs."""
