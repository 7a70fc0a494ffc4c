"""The one language that says which contacts are meant: read, checked, written; campaigns.store makes SQL of it.

city = 'Aarhus' and (tag: vip or order.total > 500) and not received: 'Spring'
"""
