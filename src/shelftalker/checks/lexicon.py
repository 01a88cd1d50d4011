"""Word lists behind the checks: units, colours, materials, claims, stop words. Data only."""

from __future__ import annotations

from functools import lru_cache

# Unit spelling -> (dimension, size in the dimension's base unit). Spellings are lower case; a trailing full stop,
# a plural s and the hyphen of "6-inch" are taken off before the look-up.
UNITS: dict[str, tuple[str, float]] = {}


def _units(dimension: str, **scales: float) -> None:
    for spellings, scale in scales.items():
        for spelling in spellings.split("__"):
            UNITS[spelling.replace("_", " ")] = (dimension, scale)


_units(
    "length",
    mm__millimetre__millimeter=1,
    cm__cms__centimetre__centimeter=10,
    m__metre__meter=1000,
    km__kilometre__kilometer=1e6,
    inch__inche__in__ins=25.4,
    ft__foot__feet=304.8,
    yd__yard=914.4,
    mile__mi=1609344,
    nm__nanometre__nanometer=1e-6,
    micron__µm__um=1e-3,
)
_units(
    "mass",
    mg__milligram__milligramme=1e-3,
    mcg__µg__microgram=1e-6,
    g__gr__gram__gramme=1,
    kg__kgs__kilo__kilogram__kilogramme=1000,
    oz__ounce=28.35,
    lb__lbs__pound=453.6,
    tonne__ton=1e6,
)
_units(
    "volume",
    ml__millilitre__milliliter__cc=1,
    cl__centilitre__centiliter=10,
    dl__decilitre__deciliter=100,
    l__ltr__litre__liter=1000,
    fl_oz__floz__fluid_ounce=29.57,
    pint__pt=568,
    quart__qt=946,
    gallon__gal=3785,
    cup=240,
    tbsp__tablespoon=15,
    tsp__teaspoon=5,
)
_units(
    "time",
    second__sec=1,
    ms__millisecond=1e-3,
    minute__min__mins=60,
    hour__hr__hrs__h=3600,
    day=86400,
    night=86400,
    week__wk=604800,
    month=2629800,
    year__yr__yrs=31557600,
    decade=315576000,
    century=3155760000,
)
_units("power", mw__milliwatt=1e-3, w__watt=1, kw__kilowatt=1000, hp__horsepower=745.7)
_units("voltage", mv=1e-3, v__volt=1, kv=1000)
_units("current", ma__milliamp=1, a__amp__ampere=1000)
_units("charge", mah__milliamp_hour=1, ah__amp_hour=1000)
_units("energy", wh__watt_hour=1, kwh=1000)
_units("heat", kcal__calorie__cal=1, kj=0.239, btu=0.252)
_units("storage", kb__kilobyte=1e3, mb__megabyte=1e6, gb__gig__gigabyte__gigs=1e9, tb__terabyte=1e12)
_units("data rate", kbps=1e3, mbps=1e6, gbps=1e9)
_units("frequency", hz__hertz=1, khz=1e3, mhz__megahertz=1e6, ghz__gigahertz=1e9)
_units("camera", mp__megapixel=1)
_units("resolution", p=1, k=1000, dpi__ppi=7)
_units("temperature", c__celsius__centigrade__degrees_c__degree_celsius__degrees_celsius=1)
_units("temperature F", f__fahrenheit__degrees_f__degree_fahrenheit__degrees_fahrenheit=1)
_units("angle", degree__deg=1)
_units("speed", mph=1.609, kmh__kph__km_h=1)
_units("rotation", rpm=1)
_units("pressure", bar=1, psi=0.06895, kpa=0.01, pa=1e-5)
_units("sound", db__decibel=1, ohm=1000)
_units("light", lm__lumen=1, lux=1000)
_units("share", percent__per_cent__pct=1)
_units("cloth", gsm=1, denier__d=100, thread_count=1e6)
_units("gold", carat__karat__ct__kt=1)
_units("dose", iu=1, spf=1000)
_units("money", dollar__usd__buck=1, euro__eur=1000, pound_sterling__gbp__quid=1e6, cent__pence=1e9)
_units("area", sq_ft__square_foot__square_feet=0.0929, sq_m__square_metre__square_meter=1, acre=4046.9, hectare=10000)
_units("print", mil=1, gauge=1000)
_units("torque", newton_metre__newton=1)
_units("wire", awg=1)
_units("flow", gpm=1, lpm=0.264, cfm=7.48)
_units("frames", fps=1)

# A unit so short that it also is a word or a letter: it counts only when written against a digit, or after a figure.
SHORT_UNITS = frozenset(
    {"m", "g", "l", "v", "a", "w", "h", "p", "k", "c", "f", "d", "in", "ct", "ton", "pa", "pt", "mi"}
)

NUMBER_WORDS: dict[str, int] = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split()
    )
} | {word: 10 * value for value, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
MULTIPLIERS: dict[str, int] = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "dozen": 12}
ORDINALS: dict[str, int] = {
    word: value
    for value, word in enumerate(
        "third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
        "sixteenth seventeenth eighteenth nineteenth twentieth".split(),
        3,
    )
}
# In an input these stand for a number ("twin pack" supports "two"); in a description they claim none.
IMPLIED_NUMBERS: dict[str, int] = {
    "single": 1, "solo": 1, "first": 1, "pair": 2, "twin": 2, "double": 2, "dual": 2, "duo": 2, "both": 2,
    "second": 2, "couple": 2, "bi": 2, "tandem": 2, "twice": 2, "triple": 3, "trio": 3, "tri": 3, "trilogy": 3,
    "triplet": 3, "quad": 4, "quadruple": 4, "quartet": 4, "quintet": 5, "weekly": 7, "dozen": 12, "half": 0,
    "pairs": 2, "doubles": 2, "twins": 2, "duet": 2, "duology": 2, "century": 100, "decade": 10, "hexagonal": 6,
    "i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8, "ix": 9, "x": 10,
}  # fmt: skip

COLOURS = frozenset(
    "red blue green yellow purple pink black white grey brown beige navy teal turquoise maroon burgundy khaki crimson "
    "scarlet magenta cyan mauve taupe fuchsia indigo lilac multicolour multicoloured reddish bluish greenish "
    "yellowish greyish pinkish brownish blackish whitish".split()
)
# Colour names that are first of all things, scents or foods: a colour only where the sentence says so.
WEAK_COLOURS = frozenset(
    "orange gold golden silver rose cream plum chocolate coral lavender olive peach lemon lime mint sand stone "
    "charcoal copper bronze ivory amber ruby emerald violet mustard tan rust slate aqua sage heather moss graphite "
    "terracotta ochre aubergine pewter champagne sapphire jade blush buff camel caramel coffee denim fawn honey "
    "mocha nude oatmeal onyx pearl raspberry saffron salmon sepia sky tangerine wine cherry berry forest midnight "
    "anthracite cobalt cerise rainbow".split()
)
# Of those, what one eats or drinks: "chocolate bar" is none, "chocolate corduroy" is.
EDIBLE_COLOURS = frozenset(
    "orange cream plum chocolate olive peach lemon lime mint champagne caramel coffee honey mocha oatmeal raspberry "
    "saffron salmon tangerine wine cherry berry mustard sage aubergine".split()
)
# Word after a colour that makes a thing of it ("black pepper", "white noise"): no claim about the product's colour.
COLOUR_THINGS: dict[str, frozenset[str]] = {
    colour: frozenset(things.split())
    for colour, things in {
        "black": "pepper tea coffee pudding friday hole market ice sheep death magic box belt bean currant forest "
        "cherry garlic olive olives beans comedy humour bird country powder metal eye widow sea mass lace mail ops",
        "white": "wine noise house collar board balance paper chocolate rice sugar bread water pepper lie knight "
        "christmas vinegar tea flour lies elephant horses spirit hat label goods space "
        "blossom flowers petals lily lilies whites",
        "green": "tea house energy light room grocer beans bean card fingers fingered belt beret goods man party "
        "tomatoes pepper peppers salad party pesto power lentils",
        "red": "wine carpet tape herring cross meat pepper peppers planet sea army flag squirrel squirrels kite "
        "deer onion onions lentils lentil alert cabbage herrings tide brick rag heat",
        "blue": "light lights cheese blood whale moon ray collar badge plaque chip chips tit tits jeans note "
        "monday pencil",
        "brown": "rice sugar bread bear paper ale trout sauce bag owl",
        "yellow": "pages card fever line pepper split",
        "grey": "area matter seal squirrel eminence market",
        "pink": "gin salt lady slip grapefruit floyd",
        "navy": "officer ship captain blueprint seal base yard man men lieutenant regulation rum days beans divers",
        "purple": "prose patch heart sprouting haze",
    }.items()
}

MATERIALS = frozenset(
    "cotton wool woollen linen silk polyester nylon leather suede nubuck denim velvet velour corduroy tweed flannel "
    "fleece cashmere merino mohair alpaca viscose rayon lyocell tencel modal spandex elastane lycra canvas satin "
    "chiffon lace neoprene microfibre polypropylene polyethylene polycarbonate polyurethane acrylic pvc abs vinyl tpu "
    "eva hdpe epdm pbt pla mdf plastic bakelite celluloid silicone rubber latex foam steel stainless aluminium iron "
    "brass copper bronze titanium chrome zinc tin pewter platinum metal alloy nickel tungsten magnesium carbon glass "
    "borosilicate crystal zirconia ceramic porcelain stoneware earthenware terracotta enamel enamelled marble granite "
    "slate concrete resin epoxy quartz wood wooden timber oak pine bamboo teak walnut beech beechwood birch maple "
    "mahogany acacia cedar ash elm cherry rosewood pearwood applewood ebony spruce driftwood hardwood softwood plywood "
    "hazel willow cork wicker rattan jute hemp sisal seagrass cardboard parchment vellum kraft tritan kevlar cordura "
    "fibreglass microsuede felt gold silver sherpa horsehair sheepskin cowhide calfskin lambskin leathercloth "
    "leatherette feather down polycotton melamine plush poplin terry muslin gauze jersey hessian burlap tarpaulin "
    "oilcloth wax beeswax soy vanadium".split()
)
# Material words that are something else more often than not: a material only in "made of ...", "... handle" and such.
WEAK_MATERIALS = frozenset(
    "iron tin carbon crystal ash cherry maple down feather gold silver wax soy jersey lace wood pine cedar platinum "
    "slate cork willow hazel foam birch elm spruce felt terry satin canvas parchment vellum kraft nickel modal ebony "
    "hemp magnesium zinc marble gauze copper eva pla quartz oak walnut beech timber concrete".split()
)
# A material's word that is none before or after these.
NO_MATERIAL_BEFORE: dict[str, str] = {
    "glass": "a the your each per wine pint shot looking hour magnifying another or on against",
    "metal": "heavy death thrash",
    "flannel": "a the your",
    "cotton": "clean fresh crisp",
    "linen": "clean fresh",
    "sherpa": "a the",
}
NO_MATERIAL_AFTER: dict[str, str] = {
    "glass": "of ceiling half plates",
    "rubber": "duck ducks stamp stamps band bands trees",
    "brass": "band bands section instruments tacks",
    "steel": "yourself drum drums guitar guitars wool band",
    "plastic": "surgery surgeon waste free",
    "silk": "road roads worms",
    "velvet": "rope revolution",
    "metal": "detector detectors",
    "silver": "lining birch screen medal",
    "gold": "medal standard rush",
    "wool": "shop cycle",
    "vinyl": "collection collectors",
    "bamboo": "extract shoots",
    "latex": "paint",
    "teak": "oil",
}

# What a material's word also stands for: an input that names the left supports the right.
IMPLIED_MATERIALS: dict[str, str] = {
    "stainless": "steel metal",
    "steel": "metal",
    "aluminium": "metal alloy",
    "iron": "metal",
    "brass": "metal alloy",
    "copper": "metal",
    "bronze": "metal alloy",
    "titanium": "metal",
    "chrome": "metal",
    "tin": "metal",
    "zinc": "metal",
    "pewter": "metal",
    "merino": "wool",
    "cashmere": "wool",
    "tweed": "wool",
    "lambswool": "wool",
    "woollen": "wool",
    "wool": "woollen",
    "denim": "cotton",
    "polycotton": "cotton polyester",
    "wooden": "wood timber",
    "wood": "wooden timber",
    "hardwood": "wood wooden timber",
    "plywood": "wood wooden",
    "oak": "wood wooden hardwood timber",
    "pine": "wood wooden timber softwood",
    "bamboo": "wood wooden",
    "teak": "wood wooden hardwood timber",
    "walnut": "wood wooden hardwood timber",
    "beech": "wood wooden hardwood timber beechwood",
    "beechwood": "wood wooden hardwood timber beech",
    "birch": "wood wooden timber hardwood",
    "maple": "wood wooden timber hardwood",
    "mahogany": "wood wooden timber hardwood",
    "acacia": "wood wooden timber hardwood",
    "cedar": "wood wooden timber",
    "ash": "wood wooden timber hardwood",
    "borosilicate": "glass",
    "porcelain": "ceramic",
    "stoneware": "ceramic",
    "earthenware": "ceramic",
    "terracotta": "ceramic",
    "pvc": "plastic vinyl",
    "vinyl": "plastic pvc",
    "polypropylene": "plastic",
    "acrylic": "plastic",
    "tritan": "plastic",
    "melamine": "plastic",
    "lycra": "elastane spandex",
    "elastane": "lycra spandex",
    "spandex": "elastane lycra",
    "cowhide": "leather",
    "calfskin": "leather",
    "nubuck": "leather",
    "suede": "leather",
    "enamelled": "enamel",
    "enamel": "enamelled",
    "plush": "polyester",
    "galvanised": "zinc steel metal",
    "metal": "metal",
    "leatherette": "leather",
    "gold": "golden metal",
    "silver": "metal",
}

AMERICAN: dict[str, str] = {
    "color": "colour", "gray": "grey", "aluminum": "aluminium", "fiber": "fibre", "liter": "litre", "woolen": "woollen",
    "multicolor": "multicolour", "multicolored": "multicoloured", "fiberglass": "fibreglass", "colored": "coloured",
    "flavor": "flavour", "flavored": "flavoured", "center": "centre", "meter": "metre",
}  # fmt: skip
"""American spelling -> the spelling that the lists here use."""

IMPLIED_COLOURS: dict[str, str] = {
    "primary": "red yellow blue",
    "rainbow": "red orange yellow green blue purple",
    "multicolour": "red orange yellow green blue purple pink",
    "multicoloured": "red orange yellow green blue purple pink",
    "navy": "blue", "teal": "blue green", "turquoise": "blue green", "burgundy": "red", "crimson": "red",
    "scarlet": "red", "charcoal": "grey", "slate": "grey", "ivory": "white", "lilac": "purple", "beige": "brown",
}  # fmt: skip
"""What a colour's word also stands for: an input that names the left supports the right."""

CAPITALISED = frozenset(
    # Words that English writes with a capital letter and that name no brand.
    "i i'm i'll i've i'd monday tuesday wednesday thursday friday saturday sunday january february march april may "
    "june july august september october november december christmas easter halloween god bible ok okay mr mrs ms "
    "dr sir lady lord saint st tv pc cd cds dvd dvds mp3 led leds uv diy usa uk us eu u.s u.k bbq id faq aka am pm bc "
    "ad ce ac dc rv gp hr it hq vip sos rsvp roman greek latin english braille velcro internet earth sun moon north "
    "south east west northern southern eastern western british european american french german italian spanish "
    "japanese chinese indian scottish irish welsh dutch swiss swedish danish african asian mexican russian victorian "
    "edwardian georgian tudor medieval renaissance gothic celtic arabic hebrew turkish thai korean norwegian polish "
    "portuguese brazilian australian canadian jewish christian muslim buddhist catholic a b c d e f g x y z o t v s "
    "l m xs xl xxl xxxl aa aaa rgb gps sim sd atm lpg co gigabit lp ep wwii vat pe ir 3d n w "
    "ideal perfect great please note keeps includes".split()
)

TECHNOLOGIES = (
    r"usb(?:[- ]?[abc])?(?: ?\d(?:\.\d)?)?|bluetooth(?: \d(?:\.\d)?)?|wi-?fi(?: \d\w?)?|hdmi|displayport|thunderbolt"
    r"|nfc|zigbee|z-wave|matter|airplay|chromecast|alexa|google (?:home|assistant)|siri|homekit|iphones?|ipads?|ipods?"
    r"|ios|android|windows(?: \d+)?|macos|mac os|macs?|linux|chromebooks?|playstation(?: \d)?|ps[345]|xbox"
    r"|nintendo(?: switch)?|samsung|galaxy|kindle|magsafe|qi|lightning|micro-?sd|sd cards?|ethernet|aux"
    r"|vesa|fire tv|apple(?: watch| tv)?|nespresso|dolce gusto|lego|gopro|garmin|fitbit|whatsapp|spotify|netflix"
)

ENGLISH = frozenset(
    "the a an and of to in is it for with that this on as are be by or from at your you its not can will has have "
    "all but so which one when who they he she his her their our we my was were than then there these those into out "
    "up down over more most no any each also if while until without about after before just only very too "
    "enough".split()
)
# Words that fit any product: whoever says only these has said nothing of this one.
FILLER = frozenset(
    "this product item great perfect ideal good nice best quality high wonderful amazing excellent fantastic beautiful "
    "lovely addition choice gift everyone anyone every everyday day use used using user made make makes designed "
    "design features feature comes come available new must have who love loves looking want need needs like well "
    "really easy way one something any collection home you're it's that's is was being been also both made provides "
    "provide offers offer suitable useful essential popular unique special features includes brand type kind "
    "set".split()
)
# What ends with a full stop and no sentence with it.
ABBREVIATIONS = frozenset("mr mrs ms dr st no nos vol approx e.g i.e vs ca cf incl max dia prof sr jr fig ed".split())
# A sentence that begins with one of these leans on the one before it; the connectives can be taken off.
LEANING = frozenset(
    "it its it's it'll does do did they their they're they've them he his she her he's she's him these those that "
    "that's both neither either another others then here such same which whose inside underneath beneath instead "
    "afterwards meanwhile likewise because otherwise".split()
)
CONNECTIVES = frozenset("and but so yet however still".split())
PERSONS = frozenset("he she him his her hers they them their he's she's".split())
# Words at which the phrase around a number, a colour or a name ends.
PREPOSITIONS = frozenset(
    "of for with in on at by from to into onto over under up about around between through per without within across "
    "than against behind above below off as like".split()
)
AUXILIARIES = frozenset(
    "is are was were be been has have had can could will would may might must should do does did not that which who "
    "what when where how while because if then there here it its they their them he his him she her you your we our us "
    "i this these those each every any some all no so too very just only also even still more most less least much "
    "many few other another both either neither and or but nor yet plus minus a an the".split()
)
FOREIGN: dict[str, frozenset[str]] = {
    "German": frozenset(
        "der die das und ist nicht ein eine einen einem einer mit für auf von zu den dem des sich auch wie aus bei "
        "nach oder wird sind im zum zur ihr ihre sie ich er es als noch aber durch über kann werden hat haben".split()
    ),
    "French": frozenset(
        "le la les un une des et est pour avec dans sur par qui que vous votre vos ce cette ces il elle du au aux pas "
        "plus son sa ses nous ne se sont très être d'un d'une c'est leur ou où tout".split()
    ),
    "Spanish": frozenset(
        "el la los las un una unos unas y es para con en por que su sus del al se lo como más este esta pero muy sin "
        "son está todo usted tu desde hasta puede".split()
    ),
    "Italian": frozenset(
        "il lo la gli le un uno una e è per con di che del della dei delle nel nella si sono da al alla come più non "
        "questo questa anche suo sua ogni molto".split()
    ),
    "Portuguese": frozenset(
        "o os as um uma e é para com em por que do da dos das no na nos nas se seu sua não mais como este esta muito "
        "ao são você pelo pela".split()
    ),
    "Dutch": frozenset(
        "de het een en is van met voor op te dat niet zijn aan ook er maar om bij dit deze uw je naar uit door wordt "
        "kan heeft als ze hij".split()
    ),
    "Romanian": frozenset("și este pentru cu din care sunt un o la pe nu mai acest această sau fi care-i în".split()),
}  # fmt: skip


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """A word without its plural, possessive and spelling variants: enough to see "Bottles" in "bottle"."""
    word = word.lower().replace("’", "'").removesuffix("'s").removesuffix("'")
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 4 and word.endswith(("ses", "xes", "zes", "ches", "shes")):
        word = word[:-2]
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    return AMERICAN.get(word, word)
