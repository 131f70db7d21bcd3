-- The first year of each new customer, shared among the one to three touches that led to it.
WITH credited AS (
  SELECT
    movement_id,
    account_id,
    moved_on,
    delta * 12 AS revenue,
    1 + dice('touched', movement_id) % 3 AS touches
  FROM mrr_movements
  WHERE type = 'new'
),
touched AS (
  SELECT
    *,
    unnest(range(1, touches + 1)) AS position
  FROM credited
),
shared AS (
  SELECT
    *,
    movement_id * 10 + position AS draw,
    (
      revenue
      * CASE
        WHEN touches = 1 THEN 100
        WHEN touches = 2 THEN 60
        WHEN position = 2 THEN 20
        ELSE 40
      END
      * 0.01
    )::DECIMAL(14, 2) AS part
  FROM touched
)
SELECT
  row_number() OVER (ORDER BY moved_on, movement_id, position)::BIGINT AS attribution_id,
  movement_id::BIGINT AS movement_id,
  account_id::BIGINT AS account_id,
  CASE
    WHEN dice('touch', draw) < 270000 THEN 'search'
    WHEN dice('touch', draw) < 390000 THEN 'social'
    WHEN dice('touch', draw) < 620000 THEN 'organic'
    WHEN dice('touch', draw) < 730000 THEN 'content'
    WHEN dice('touch', draw) < 800000 THEN 'events'
    WHEN dice('touch', draw) < 870000 THEN 'partners'
    WHEN dice('touch', draw) < 940000 THEN 'email'
    ELSE 'direct'
  END::VARCHAR AS channel,
  position::INTEGER AS position,
  greatest(
    first_day(), moved_on - ((touches - position) * 9 + dice('touch_day', draw) % 8)::INTEGER
  )::DATE AS touched_on,
  moved_on::DATE AS credited_on,
  -- The last touch takes what rounding leaves.
  CASE
    WHEN position < touches THEN part
    ELSE revenue - coalesce(
      sum(part) OVER (
        PARTITION BY movement_id ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
      ),
      0
    )
  END::DECIMAL(14, 2) AS revenue
FROM shared
ORDER BY attribution_id
