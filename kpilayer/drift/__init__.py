"""The same KPI calculated elsewhere: SQL outside the layer, and what it computes of the layer's."""
