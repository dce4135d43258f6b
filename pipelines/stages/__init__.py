"""Every stage type by its key, one line each. base.py is what they share; a file holds one type.

To add one: write the file, add its line here, its panel in templates/pipelines/stages/ and its test.
"""
