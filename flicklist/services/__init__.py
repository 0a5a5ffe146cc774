"""What the site does: module-level functions over a database session. Nothing here imports Pyramid."""
