{{ house_macros.date_spine('2024-01-01', '2025-12-31') }}
