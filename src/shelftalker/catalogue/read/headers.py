"""What shops call the title, the description and the id: the headers of their exports, in eight languages.

Names are written as `columns.normal` compares them: no accents, small letters, one underscore for all between. They
come from the exports of WooCommerce, Shopify, PrestaShop, Magento, Odoo, Akeneo, Google Merchant, Amazon and Rakuten
and from their translations; within a role, the better one comes first.
"""

from __future__ import annotations

TITLE = tuple(
    """
    title name product_name product_title item_name item_title product post_title heading label
    titel produktname produkttitel produktbezeichnung artikelname artikelbezeichnung bezeichnung artikel produkt
    titulo nombre nombre_del_producto titulo_del_producto nombre_producto producto
    titre nom nom_du_produit titre_du_produit nom_produit libelle designation produit
    nome nome_do_produto titulo_do_produto nome_produto produto titulo_do_anuncio
    titolo nome_prodotto nome_del_prodotto titolo_prodotto prodotto
    naam productnaam producttitel productnaam_titel artikelnaam
    商品名 商品名称 製品名 タイトル 品名 名前 名称 商品タイトル 表示名
    """.split()
)
DESCRIPTION = tuple(
    """
    content description body_html product_description long_description item_description body text post_content details
    website_description sales_description description_sale ecommerce_description full_description
    beschreibung produktbeschreibung artikelbeschreibung langbeschreibung beschreibungstext langtext
    verkaufsbeschreibung ausfuhrliche_beschreibung inhalt
    descripcion descripcion_del_producto descripcion_producto descripcion_larga descripcion_de_venta
    descripcion_de_ventas descripcion_completa
    description_du_produit description_produit description_longue description_de_vente description_des_ventes
    description_pour_les_ventes descriptif
    descricao descricao_do_produto descricao_longa descricao_completa descricao_de_venda descricao_de_vendas
    descricao_da_venda
    descrizione descrizione_prodotto descrizione_del_prodotto descrizione_lunga descrizione_estesa descrizione_vendita
    descrizione_di_vendita
    beschrijving productbeschrijving omschrijving productomschrijving lange_beschrijving lange_omschrijving
    verkoopomschrijving verkoopbeschrijving
    商品説明 商品説明文 商品の説明 製品説明 説明 説明文 詳細説明 商品詳細 pc用商品説明文 販売説明 販売用説明 本文
    summary short_description desc
    kurzbeschreibung zusammenfassung kurztext
    descripcion_corta breve_descripcion resumen
    description_courte recapitulatif resume
    descricao_curta breve_descricao resumo
    descrizione_breve breve_descrizione riepilogo
    korte_beschrijving korte_omschrijving samenvatting
    簡単な説明 短い説明 商品の簡単な説明 概要 キャッチコピー
    """.split()
)
ID = tuple(
    """
    uid id asin parent_asin handle url_handle sku product_id item_id gtin ean upc mpn code
    seller_sku item_sku asin1 identifier external_id internal_reference default_code reference product_code offer_id
    artikelnummer artikelnr produkt_id produktnummer interne_referenz externe_id referenz
    referencia referencia_interna id_externo codigo codigo_del_producto codigo_de_barras
    ugs reference_interne id_externe code_produit
    codigo_do_produto ref referencia_do_produto
    cod riferimento riferimento_interno codice codice_prodotto
    referentie interne_referentie productcode artikelcode
    商品コード 商品番号 商品管理番号 商品id 品番 出品者sku 管理番号 参照 型番
    """.split()
)
SHORT = tuple(
    """
    short_description kurzbeschreibung descripcion_corta breve_descripcion description_courte descricao_curta
    breve_descricao descrizione_breve breve_descrizione korte_beschrijving korte_omschrijving 簡単な説明 短い説明
    商品の簡単な説明
    """.split()
)
"""A second, shorter description beside the one of `DESCRIPTION`."""
KIND = tuple("type typ tipo タイプ 種類 商品タイプ".split())
"""WooCommerce's column of product types, whose values are English in every language."""
VIEW = ("store_view_code", "_store")
"""Magento's column of the store view (language) that a row is for; empty: the default, which every product has."""
LANGUAGE = tuple(
    "locale language lang language_code locale_code store_view store_code sprache idioma langue lingua 言語".split()
)
"""Columns that may say which language a row is in; a book's language is called the same."""
LOCALES = frozenset(
    "ar bg bn bs ca cs cy da de el en es et eu fa fi fr ga gl he hi hr hu hy id is it ja ka kk ko lt lv mk ms nb nl nn "
    "no pl pt ro ru sk sl sq sr sv ta te th tr uk ur uz vi zh".split()
)
