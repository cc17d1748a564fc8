"""Charts as inline SVG, for a page with the colours of `style.css`.

Values that are not finite are drawn as not known, and every text is escaped.
"""

from oxidizedvision.report.charts.bars import Bar, bar_chart, stacked_chart
from oxidizedvision.report.charts.boxes import box_chart
from oxidizedvision.report.charts.front import Point, front_chart
from oxidizedvision.report.charts.groups import grouped_chart
from oxidizedvision.report.charts.lines import Line, line_chart

__all__ = [
    "Bar",
    "Line",
    "Point",
    "bar_chart",
    "box_chart",
    "front_chart",
    "grouped_chart",
    "line_chart",
    "stacked_chart",
]
