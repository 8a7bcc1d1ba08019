"""The archive's window: patients, studies, series and objects, and what a person does with them."""
