"""The example company: its data, built in SQL, and the project that comes with the package."""
