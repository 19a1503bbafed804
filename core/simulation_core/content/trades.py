"""Trades, so that a company's name, industry, description and people fit together."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Trade:
    industry: str
    name_words: tuple[str, ...]  # one follows the founder's name
    offer: str  # completes "<company> provides …"
    titles: tuple[str, ...]
    deals: tuple[str, ...]  # what it buys


TRADES = (
    Trade(
        "Computer Software",
        ("Software", "Systems", "Labs"),
        "software for planning and operations",
        ("Product Manager", "Head of Engineering", "CTO"),
        ("Developer licences", "Support contract", "Cloud migration"),
    ),
    Trade(
        "Renewables Environment",
        ("Windpower", "Solar", "Energy"),
        "wind and solar parks from planning to upkeep",
        ("Site Planner", "Head of Procurement", "COO"),
        ("Turbine monitoring", "Grid connection study", "Maintenance contract"),
    ),
    Trade(
        "Machinery",
        ("Maschinen", "Engineering", "Works"),
        "machines and spare parts for manufacturers",
        ("Plant Manager", "Purchasing Manager", "CEO"),
        ("Spare parts for the year", "New production line", "Retrofit of line 2"),
    ),
    Trade(
        "Financial Services",
        ("Capital", "Finance", "Partners"),
        "financing for growing businesses",
        ("Account Director", "Risk Manager", "CFO"),
        ("Risk reporting", "Portfolio analytics", "Compliance review"),
    ),
    Trade(
        "Logistics and Supply Chain",
        ("Logistics", "Freight", "Cargo"),
        "freight and warehousing across borders",
        ("Dispatcher", "Fleet Manager", "Head of Logistics"),
        ("Fleet telematics", "Warehouse scanners", "Route planning"),
    ),
    Trade(
        "Medical Devices",
        ("Medical", "MedTech", "Diagnostics"),
        "diagnostic devices for clinics",
        ("Clinical Specialist", "Quality Manager", "Head of Sales"),
        ("Laboratory equipment", "Sterile packaging", "Service contract"),
    ),
    Trade(
        "Construction",
        ("Construction", "Building", "Projects"),
        "commercial buildings on time",
        ("Site Manager", "Cost Estimator", "Managing Director"),
        ("Site safety package", "Formwork rental", "Project software"),
    ),
    Trade(
        "Retail",
        ("Stores", "Trading", "Retail"),
        "everyday goods in shops and online",
        ("Category Manager", "Store Director", "Head of E-Commerce"),
        ("Point of sale renewal", "Store fittings", "Loyalty programme"),
    ),
    Trade(
        "Marketing and Advertising",
        ("Media", "Studio", "Communications"),
        "campaigns from the idea to the figures",
        ("Creative Director", "Campaign Manager", "Founder"),
        ("Media planning", "Video production", "Campaign analytics"),
    ),
    Trade(
        "Hospitality",
        ("Hotels", "Resorts", "Hospitality"),
        "hotels and conference venues",
        ("Front Office Manager", "Events Manager", "General Manager"),
        ("Booking system", "Conference equipment", "Linen service"),
    ),
    Trade(
        "Biotechnology",
        ("Biotech", "Biosciences", "Genomics"),
        "research services in the life sciences",
        ("Lab Manager", "Research Director", "CSO"),
        ("Sequencing runs", "Cold storage", "Lab automation"),
    ),
    Trade(
        "Food Production",
        ("Foods", "Dairy", "Mills"),
        "food for wholesalers and kitchens",
        ("Production Manager", "Export Manager", "Owner"),
        ("Packaging line", "Cold chain sensors", "Quality control"),
    ),
)

INDUSTRIES = tuple(trade.industry for trade in TRADES)

WANTS = ("First order", "Subscription for a year", "Upgrade", "Gift card", "Consultation")  # a consumer's deal
