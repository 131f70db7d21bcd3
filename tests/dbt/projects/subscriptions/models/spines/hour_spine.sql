select range as hour_start
from range(timestamp '2024-01-01', timestamp '2025-01-01', interval 1 hour)
