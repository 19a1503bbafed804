"""Trades, so that a company's name, industry, description and people fit together."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Trade:
    industry: str
    name_words: tuple[str, ...]  # one follows the founder's name
    offer: str  # completes "<company> provides …"
    titles: tuple[str, ...]


TRADES = (
    Trade(
        "Computer Software",
        ("Software", "Systems", "Labs"),
        "software for planning and operations",
        ("Product Manager", "Head of Engineering", "CTO"),
    ),
    Trade(
        "Renewables Environment",
        ("Windpower", "Solar", "Energy"),
        "wind and solar parks from planning to upkeep",
        ("Site Planner", "Head of Procurement", "COO"),
    ),
    Trade(
        "Machinery",
        ("Maschinen", "Engineering", "Works"),
        "machines and spare parts for manufacturers",
        ("Plant Manager", "Purchasing Manager", "CEO"),
    ),
    Trade(
        "Financial Services",
        ("Capital", "Finance", "Partners"),
        "financing for growing businesses",
        ("Account Director", "Risk Manager", "CFO"),
    ),
    Trade(
        "Logistics and Supply Chain",
        ("Logistics", "Freight", "Cargo"),
        "freight and warehousing across borders",
        ("Dispatcher", "Fleet Manager", "Head of Logistics"),
    ),
    Trade(
        "Medical Devices",
        ("Medical", "MedTech", "Diagnostics"),
        "diagnostic devices for clinics",
        ("Clinical Specialist", "Quality Manager", "Head of Sales"),
    ),
    Trade(
        "Construction",
        ("Construction", "Building", "Projects"),
        "commercial buildings on time",
        ("Site Manager", "Cost Estimator", "Managing Director"),
    ),
    Trade(
        "Retail",
        ("Stores", "Trading", "Retail"),
        "everyday goods in shops and online",
        ("Category Manager", "Store Director", "Head of E-Commerce"),
    ),
    Trade(
        "Marketing and Advertising",
        ("Media", "Studio", "Communications"),
        "campaigns from the idea to the figures",
        ("Creative Director", "Campaign Manager", "Founder"),
    ),
    Trade(
        "Hospitality",
        ("Hotels", "Resorts", "Hospitality"),
        "hotels and conference venues",
        ("Front Office Manager", "Events Manager", "General Manager"),
    ),
    Trade(
        "Biotechnology",
        ("Biotech", "Biosciences", "Genomics"),
        "research services in the life sciences",
        ("Lab Manager", "Research Director", "CSO"),
    ),
    Trade(
        "Food Production",
        ("Foods", "Dairy", "Mills"),
        "food for wholesalers and kitchens",
        ("Production Manager", "Export Manager", "Owner"),
    ),
)
