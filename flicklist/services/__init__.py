"""Services: functions over a database session that do the work of the site. Nothing here imports Pyramid."""
