"""The properties every account has from the start, as far as a simulation can meet them. Options are those HubSpot documents."""

from __future__ import annotations

from dataclasses import dataclass

LIFECYCLE_STAGES = (
    "subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist", "other",
)  # fmt: skip
DEAL_STAGES = (
    "appointmentscheduled", "qualifiedtobuy", "presentationscheduled", "decisionmakerboughtin", "contractsent", "closedwon", "closedlost",
)  # fmt: skip
LEAD_STATUSES = (
    "NEW", "OPEN", "IN_PROGRESS", "OPEN_DEAL", "UNQUALIFIED", "ATTEMPTED_TO_CONTACT", "CONNECTED", "BAD_TIMING",
)  # fmt: skip
_INDUSTRIES = """
    ACCOUNTING AIRLINES_AVIATION ALTERNATIVE_DISPUTE_RESOLUTION ALTERNATIVE_MEDICINE ANIMATION APPAREL_FASHION ARCHITECTURE_PLANNING
    ARTS_AND_CRAFTS AUTOMOTIVE AVIATION_AEROSPACE BANKING BIOTECHNOLOGY BROADCAST_MEDIA BUILDING_MATERIALS BUSINESS_SUPPLIES_AND_EQUIPMENT
    CAPITAL_MARKETS CHEMICALS CIVIC_SOCIAL_ORGANIZATION CIVIL_ENGINEERING COMMERCIAL_REAL_ESTATE COMPUTER_GAMES COMPUTER_HARDWARE
    COMPUTER_NETWORKING COMPUTER_NETWORK_SECURITY COMPUTER_SOFTWARE CONSTRUCTION CONSUMER_ELECTRONICS CONSUMER_GOODS CONSUMER_SERVICES
    COSMETICS DAIRY DEFENSE_SPACE DESIGN EDUCATION_MANAGEMENT ELECTRICAL_ELECTRONIC_MANUFACTURING ENTERTAINMENT ENVIRONMENTAL_SERVICES
    EVENTS_SERVICES EXECUTIVE_OFFICE E_LEARNING FACILITIES_SERVICES FARMING FINANCIAL_SERVICES FINE_ART FISHERY FOOD_BEVERAGES
    FOOD_PRODUCTION FUND_RAISING FURNITURE GAMBLING_CASINOS GLASS_CERAMICS_CONCRETE GOVERNMENT_ADMINISTRATION GOVERNMENT_RELATIONS
    GRAPHIC_DESIGN HEALTH_WELLNESS_AND_FITNESS HIGHER_EDUCATION HOSPITALITY HOSPITAL_HEALTH_CARE HUMAN_RESOURCES IMPORT_AND_EXPORT
    INDIVIDUAL_FAMILY_SERVICES INDUSTRIAL_AUTOMATION INFORMATION_SERVICES INFORMATION_TECHNOLOGY_AND_SERVICES INSURANCE
    INTERNATIONAL_AFFAIRS INTERNATIONAL_TRADE_AND_DEVELOPMENT INTERNET INVESTMENT_BANKING INVESTMENT_MANAGEMENT JUDICIARY LAW_ENFORCEMENT
    LAW_PRACTICE LEGAL_SERVICES LEGISLATIVE_OFFICE LEISURE_TRAVEL_TOURISM LIBRARIES LOGISTICS_AND_SUPPLY_CHAIN LUXURY_GOODS_JEWELRY
    MACHINERY MANAGEMENT_CONSULTING MARITIME MARKETING_AND_ADVERTISING MARKET_RESEARCH MECHANICAL_OR_INDUSTRIAL_ENGINEERING
    MEDIA_PRODUCTION MEDICAL_DEVICES MEDICAL_PRACTICE MENTAL_HEALTH_CARE MILITARY MINING_METALS MOBILE_GAMES MOTION_PICTURES_AND_FILM
    MUSEUMS_AND_INSTITUTIONS MUSIC NANOTECHNOLOGY NEWSPAPERS NON_PROFIT_ORGANIZATION_MANAGEMENT OIL_ENERGY ONLINE_MEDIA
    OUTSOURCING_OFFSHORING PACKAGE_FREIGHT_DELIVERY PACKAGING_AND_CONTAINERS PAPER_FOREST_PRODUCTS PERFORMING_ARTS PHARMACEUTICALS
    PHILANTHROPY PHOTOGRAPHY PLASTICS POLITICAL_ORGANIZATION PRIMARY_SECONDARY_EDUCATION PRINTING PROFESSIONAL_TRAINING_COACHING
    PROGRAM_DEVELOPMENT PUBLIC_POLICY PUBLIC_RELATIONS_AND_COMMUNICATIONS PUBLIC_SAFETY PUBLISHING RAILROAD_MANUFACTURE RANCHING
    REAL_ESTATE RECREATIONAL_FACILITIES_AND_SERVICES RELIGIOUS_INSTITUTIONS RENEWABLES_ENVIRONMENT RESEARCH RESTAURANTS RETAIL
    SECURITY_AND_INVESTIGATIONS SEMICONDUCTORS SHIPBUILDING SPORTING_GOODS SPORTS STAFFING_AND_RECRUITING SUPERMARKETS TELECOMMUNICATIONS
    TEXTILES THINK_TANKS TOBACCO TRANSLATION_AND_LOCALIZATION TRANSPORTATION_TRUCKING_RAILROAD UTILITIES VENTURE_CAPITAL_PRIVATE_EQUITY
    VETERINARY WAREHOUSING WHOLESALE WINE_AND_SPIRITS WIRELESS WRITING_AND_EDITING
"""
INDUSTRIES = tuple(_INDUSTRIES.split())


@dataclass(frozen=True)
class Standard:
    """One object type's standard properties, by value type."""

    text: str
    number: str
    date: str
    options: dict[str, tuple[str, ...]]
    read_only: str
    group: str


CONTACTS = Standard(
    text="email firstname lastname salutation phone mobilephone fax jobtitle company website address city state zip country industry "
    "message hs_language hs_timezone numemployees degree field_of_study school seniority twitterhandle",
    number="annualrevenue",
    date="closedate",
    options={"lifecyclestage": LIFECYCLE_STAGES, "hs_lead_status": LEAD_STATUSES},
    read_only="createdate lastmodifieddate hs_object_id",
    group="contactinformation",
)
COMPANIES = Standard(
    text="name domain description about_us phone website address address2 city state zip country timezone founded_year "
    "linkedin_company_page linkedinbio facebook_company_page twitterhandle total_money_raised hs_keywords",
    number="numberofemployees annualrevenue",
    date="closedate",
    options={
        "lifecyclestage": LIFECYCLE_STAGES,
        "hs_lead_status": LEAD_STATUSES,
        "industry": INDUSTRIES,
        "type": ("PROSPECT", "PARTNER", "RESELLER", "VENDOR", "OTHER"),
        "is_public": ("true", "false"),
    },
    read_only="createdate hs_lastmodifieddate hs_object_id",
    group="companyinformation",
)
DEALS = Standard(
    text="dealname description hs_next_step closed_lost_reason closed_won_reason deal_currency_code",
    number="amount hs_forecast_probability",
    date="closedate createdate",
    options={
        "pipeline": ("default",),
        "dealstage": DEAL_STAGES,
        "dealtype": ("newbusiness", "existingbusiness"),
        "hs_priority": ("low", "medium", "high"),
    },
    read_only="hs_lastmodifieddate hs_object_id",
    group="dealinformation",
)
