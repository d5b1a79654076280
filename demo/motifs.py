"""The drawings on demo covers: two per category, each in a 200 x 200 box, coloured by $a $b $c $d of the category."""

PALETTES = {  # light, soft, main ($a), accent ($b), ink ($d); $c is white
    "护肤": ("#FDEFEC", "#F8D3CB", "#E28B80", "#F4B49F", "#743735"),
    "母婴": ("#FFF6E0", "#FFE2AD", "#EFAF3C", "#86C5B2", "#71501D"),
    "咖啡茶饮": ("#F4EBE1", "#E2CCB5", "#9A6A43", "#DBAA6E", "#472D1B"),
    "家居收纳": ("#EAF1EB", "#CADCCE", "#6B9880", "#E2B688", "#2C483A"),
    "亲子阅读": ("#E9F0FC", "#C8D9F6", "#5783D6", "#F6BA60", "#234276"),
    "健身": ("#E6F6F3", "#BEE8E0", "#27A593", "#FF8C68", "#0E564D"),
    "职场技能": ("#ECEEF9", "#CED3F0", "#5A67C2", "#F3C24F", "#29316E"),
    "摄影": ("#EFEEF2", "#D2CFDB", "#585267", "#F3906C", "#2B2736"),
    "烘焙": ("#FFF2E4", "#FFDBB9", "#E2994E", "#CA5640", "#6B3816"),
    "旅行": ("#E4F3FA", "#B9E1F4", "#3898C8", "#FFC261", "#114B67"),
    "园艺": ("#ECF6E4", "#CEE8BA", "#65A544", "#EF8F9E", "#2B571B"),
    "数码": ("#E9F1F6", "#C7D8E5", "#3D6A8A", "#42C2C7", "#1A384E"),
}

MOTIFS = {
    "护肤": (
        '<rect x="58" y="72" width="84" height="114" rx="20" fill="$a"/><rect x="82" y="34" width="36" height="42" rx="8" fill="$d"/>'
        '<rect x="70" y="108" width="60" height="46" rx="8" fill="$c" opacity=".9"/><path d="M82 124h36M82 138h22" stroke="$a" stroke-width="5" stroke-linecap="round"/>'
        '<path d="M164 30c12 16 20 27 20 38a20 20 0 0 1-40 0c0-11 8-22 20-38z" fill="$b"/>',
        '<circle cx="140" cy="58" r="32" fill="$b"/><path d="M140 8v12M140 96v12M90 58h12M178 58h12M105 23l8 8M175 93l-8-8M105 93l8-8M175 23l-8 8" stroke="$b" stroke-width="7" stroke-linecap="round"/>'
        '<rect x="34" y="118" width="112" height="68" rx="20" fill="$a"/><rect x="28" y="96" width="124" height="30" rx="12" fill="$d"/><rect x="54" y="142" width="72" height="22" rx="11" fill="$c" opacity=".85"/>',
    ),
    "母婴": (
        '<path d="M84 56c0-22 6-34 16-34s16 12 16 34z" fill="$b"/><rect x="66" y="52" width="68" height="22" rx="10" fill="$d"/>'
        '<rect x="60" y="72" width="80" height="114" rx="26" fill="$c"/><path d="M60 122h80v38a26 26 0 0 1-26 26H86a26 26 0 0 1-26-26z" fill="$a"/>'
        '<path d="M118 92h16M118 108h16" stroke="$d" stroke-width="5" stroke-linecap="round"/>',
        '<circle cx="54" cy="62" r="28" fill="$a"/><circle cx="146" cy="62" r="28" fill="$a"/><circle cx="54" cy="62" r="13" fill="$b"/><circle cx="146" cy="62" r="13" fill="$b"/>'
        '<circle cx="100" cy="112" r="72" fill="$a"/><ellipse cx="100" cy="136" rx="34" ry="28" fill="$c"/><circle cx="74" cy="100" r="8" fill="$d"/><circle cx="126" cy="100" r="8" fill="$d"/>'
        '<ellipse cx="100" cy="124" rx="11" ry="8" fill="$d"/><path d="M88 142q12 12 24 0" stroke="$d" stroke-width="5" fill="none" stroke-linecap="round"/>',
    ),
    "咖啡茶饮": (
        '<path d="M70 62c-10-16 10-22 0-40M104 62c-10-16 10-22 0-40" stroke="$b" stroke-width="8" fill="none" stroke-linecap="round"/>'
        '<path d="M142 92h14a24 24 0 0 1 0 48h-18" stroke="$d" stroke-width="12" fill="none"/><path d="M32 78h114v46a46 46 0 0 1-46 46H78a46 46 0 0 1-46-46z" fill="$a"/>'
        '<ellipse cx="89" cy="80" rx="57" ry="12" fill="$d"/><rect x="22" y="176" width="134" height="12" rx="6" fill="$b"/>',
        '<path d="M146 92c26-8 30 18 44 12-2 34-22 52-50 42z" fill="$a"/><path d="M52 104c-40-8-42 50 4 50" stroke="$d" stroke-width="12" fill="none"/>'
        '<ellipse cx="100" cy="124" rx="60" ry="52" fill="$a"/><path d="M56 88q44-30 88 0z" fill="$d"/><circle cx="100" cy="62" r="10" fill="$b"/>'
        '<path d="M100 152c-22-12-22-36 0-50 22 14 22 38 0 50z" fill="$c" opacity=".9"/><rect x="46" y="174" width="108" height="12" rx="6" fill="$b"/>',
    ),
    "家居收纳": (
        '<rect x="26" y="22" width="148" height="160" rx="12" fill="$c"/><path d="M26 74h148M26 128h148M100 22v106" stroke="$a" stroke-width="8"/><rect x="26" y="22" width="148" height="160" rx="12" fill="none" stroke="$a" stroke-width="9"/>'
        '<rect x="40" y="42" width="14" height="28" fill="$b"/><rect x="56" y="36" width="12" height="34" fill="$d"/><rect x="70" y="44" width="14" height="26" fill="$a"/>'
        '<circle cx="138" cy="54" r="15" fill="$b"/><rect x="40" y="92" width="44" height="32" rx="6" fill="$b"/><rect x="116" y="98" width="42" height="26" rx="6" fill="$d"/><rect x="44" y="142" width="112" height="30" rx="8" fill="$a"/>',
        '<path d="M70 30h60l24 62H46z" fill="$b"/><path d="M100 92v76" stroke="$d" stroke-width="9"/><rect x="66" y="166" width="68" height="14" rx="7" fill="$d"/>'
        '<path d="M46 92h108l22 90H24z" fill="$b" opacity=".22"/><rect x="140" y="140" width="40" height="40" rx="8" fill="$a"/><path d="M160 142c-30-14-26-40-22-46 18 6 24 24 22 46zm0 0c0-24 10-34 24-38 4 18-6 32-24 38z" fill="$a"/>',
    ),
    "亲子阅读": (
        '<path d="M100 74c-24-20-56-20-78-12v104c22-8 54-8 78 12 24-20 56-20 78-12V62c-22-8-54-8-78 12z" fill="$c"/>'
        '<path d="M100 74c-24-20-56-20-78-12v104c22-8 54-8 78 12z" fill="$a"/><path d="M118 96c14-8 28-9 42-6M118 120c14-8 28-9 42-6M118 144c14-8 28-9 42-6" stroke="$a" stroke-width="6" fill="none" stroke-linecap="round"/>'
        '<path d="M58 92l7 15 16 2-12 11 3 16-14-8-14 8 3-16-12-11 16-2z" fill="$b"/><circle cx="138" cy="34" r="14" fill="$b"/><circle cx="84" cy="28" r="7" fill="$a"/>',
        '<path d="M128 22a62 62 0 1 0 46 92 50 50 0 0 1-46-92z" fill="$b"/><path d="M158 34l5 12 12 5-12 5-5 12-5-12-12-5 12-5z" fill="$a"/>'
        '<rect x="24" y="138" width="112" height="22" rx="6" fill="$a"/><rect x="36" y="160" width="124" height="24" rx="6" fill="$d"/><path d="M40 149h70M54 172h80" stroke="$c" stroke-width="5" stroke-linecap="round"/>',
    ),
    "健身": (
        '<g transform="rotate(-24 100 104)"><rect x="40" y="96" width="120" height="16" rx="8" fill="$d"/><rect x="44" y="58" width="26" height="92" rx="12" fill="$a"/><rect x="130" y="58" width="26" height="92" rx="12" fill="$a"/>'
        '<rect x="20" y="74" width="22" height="60" rx="10" fill="$b"/><rect x="158" y="74" width="22" height="60" rx="10" fill="$b"/></g>',
        '<circle cx="122" cy="36" r="20" fill="$b"/><path d="M112 66L78 112l38 22-14 46" stroke="$a" stroke-width="22" fill="none" stroke-linecap="round" stroke-linejoin="round"/>'
        '<path d="M108 70l38 30 28-16M104 72l-40 4-16 30M78 118l-14 34-40 2" stroke="$d" stroke-width="13" fill="none" stroke-linecap="round" stroke-linejoin="round"/>',
    ),
    "职场技能": (
        '<rect x="34" y="44" width="132" height="96" rx="12" fill="$d"/><rect x="44" y="54" width="112" height="76" rx="6" fill="$c"/><path d="M14 146h172l-12 22a12 12 0 0 1-10 6H36a12 12 0 0 1-10-6z" fill="$a"/>'
        '<rect x="58" y="96" width="16" height="28" fill="$a"/><rect x="82" y="80" width="16" height="44" fill="$b"/><rect x="106" y="88" width="16" height="36" fill="$a"/><rect x="130" y="66" width="16" height="58" fill="$b"/>',
        '<rect x="30" y="40" width="100" height="140" rx="12" fill="$a"/><rect x="30" y="40" width="20" height="140" rx="8" fill="$d"/><path d="M68 76h44M68 100h44M68 124h28" stroke="$c" stroke-width="7" stroke-linecap="round"/>'
        '<path d="M112 24h56a14 14 0 0 1 14 14v30a14 14 0 0 1-14 14h-26l-18 18V82h-12a14 14 0 0 1-14-14V38a14 14 0 0 1 14-14z" fill="$b"/><path d="M116 46h48M116 62h32" stroke="$c" stroke-width="6" stroke-linecap="round"/>',
    ),
    "摄影": (
        '<path d="M70 46l12-20h38l12 20z" fill="$d"/><rect x="18" y="44" width="164" height="124" rx="20" fill="$a"/><rect x="18" y="76" width="164" height="12" fill="$b"/>'
        '<circle cx="100" cy="110" r="44" fill="$c"/><circle cx="100" cy="110" r="32" fill="$d"/><circle cx="100" cy="110" r="16" fill="$b"/><circle cx="91" cy="100" r="6" fill="$c"/><circle cx="158" cy="62" r="7" fill="$c"/>',
        '<g transform="rotate(6 100 100)"><rect x="26" y="20" width="148" height="164" rx="8" fill="$c"/><rect x="38" y="32" width="124" height="112" fill="$a"/><circle cx="126" cy="62" r="16" fill="$b"/>'
        '<path d="M38 144v-22l36-42 30 36 18-20 40 42v6z" fill="$d"/><path d="M60 164h80" stroke="$a" stroke-width="6" stroke-linecap="round" opacity=".5"/></g>',
    ),
    "烘焙": (
        '<path d="M46 106h108l-14 70a12 12 0 0 1-12 10H72a12 12 0 0 1-12-10z" fill="$b"/><path d="M78 112l6 68M100 112v68M122 112l-6 68" stroke="$c" stroke-width="5" opacity=".6"/>'
        '<path d="M36 106a28 28 0 0 1 20-40 46 46 0 0 1 88 0 28 28 0 0 1 20 40z" fill="$a"/><circle cx="100" cy="28" r="13" fill="$b"/><path d="M70 78l8 8M104 66l9-6M130 88l9-4" stroke="$c" stroke-width="6" stroke-linecap="round"/>',
        '<path d="M30 96c-18-30 8-56 36-50h68c28-6 54 20 36 50v74a14 14 0 0 1-14 14H44a14 14 0 0 1-14-14z" fill="$a"/>'
        '<path d="M46 100c-10-20 4-38 24-36h60c20-2 34 16 24 36v62a8 8 0 0 1-8 8H54a8 8 0 0 1-8-8z" fill="$c" opacity=".75"/><circle cx="82" cy="112" r="7" fill="$d"/><circle cx="118" cy="112" r="7" fill="$d"/><path d="M88 132q12 12 24 0" stroke="$b" stroke-width="6" fill="none" stroke-linecap="round"/>',
    ),
    "旅行": (
        '<path d="M74 56V32a10 10 0 0 1 10-10h32a10 10 0 0 1 10 10v24" stroke="$d" stroke-width="10" fill="none"/><rect x="36" y="54" width="128" height="122" rx="18" fill="$a"/><path d="M66 54v122M134 54v122" stroke="$c" stroke-width="7" opacity=".55"/>'
        '<circle cx="100" cy="112" r="24" fill="$b"/><path d="M100 96l5 11 12 1-9 8 3 12-11-6-11 6 3-12-9-8 12-1z" fill="$c"/><circle cx="62" cy="182" r="9" fill="$d"/><circle cx="138" cy="182" r="9" fill="$d"/>',
        '<circle cx="142" cy="54" r="28" fill="$b"/><path d="M8 160l58-96 42 66 26-36 56 66z" fill="$a"/><path d="M66 64l20 32-12 8-10-8-12 6z" fill="$c"/>'
        '<path d="M92 184l40-64 40 64z" fill="$d"/><path d="M132 120l16 64h-32z" fill="$b"/><rect x="8" y="180" width="184" height="8" rx="4" fill="$d" opacity=".5"/>',
    ),
    "园艺": (
        '<path d="M100 120c-4-40-40-44-62-40 2 30 26 46 62 40zM100 112c2-46 36-60 64-58 2 36-22 62-64 58zM100 96c-18-24-10-54 4-72 20 20 18 52-4 72z" fill="$a"/>'
        '<path d="M100 72v62" stroke="$d" stroke-width="7" stroke-linecap="round"/><rect x="48" y="126" width="104" height="20" rx="8" fill="$d"/><path d="M58 146h84l-10 36a8 8 0 0 1-8 6H76a8 8 0 0 1-8-6z" fill="$b"/>',
        '<path d="M62 186V96M138 186V112M100 186V74" stroke="$a" stroke-width="8" stroke-linecap="round"/><path d="M62 176c-26-4-34-24-34-38 22 2 34 16 34 38zM138 178c26-4 34-24 34-38-22 2-34 16-34 38z" fill="$a"/>'
        '<path d="M36 62l14 12 12-18 12 18 14-12v22a26 26 0 0 1-52 0zM112 78l14 12 12-18 12 18 14-12v22a26 26 0 0 1-52 0z" fill="$b"/><path d="M74 34l14 12 12-18 12 18 14-12v24a26 26 0 0 1-52 0z" fill="$d" opacity=".85"/>',
    ),
    "数码": (
        '<rect x="54" y="14" width="92" height="172" rx="18" fill="$d"/><rect x="62" y="28" width="76" height="144" rx="8" fill="$c"/><rect x="72" y="40" width="26" height="26" rx="7" fill="$a"/><rect x="104" y="40" width="26" height="26" rx="7" fill="$b"/>'
        '<rect x="72" y="76" width="58" height="34" rx="8" fill="$b" opacity=".55"/><rect x="72" y="120" width="58" height="10" rx="5" fill="$a" opacity=".6"/><rect x="72" y="138" width="36" height="10" rx="5" fill="$a" opacity=".35"/>'
        '<path d="M160 66q16 18 0 36M174 52q28 32 0 64" stroke="$b" stroke-width="7" fill="none" stroke-linecap="round"/>',
        '<path d="M32 122V104a68 68 0 0 1 136 0v18" stroke="$d" stroke-width="14" fill="none"/><rect x="18" y="112" width="42" height="68" rx="18" fill="$a"/><rect x="140" y="112" width="42" height="68" rx="18" fill="$a"/>'
        '<path d="M84 128v28M100 112v60M116 128v28" stroke="$b" stroke-width="9" stroke-linecap="round"/>',
    ),
}
