"""Markdown from note programs: what the writer wrote stays, what the program added goes."""

from __future__ import annotations

import pytest

from memory.importers.markdown import read_markdown


def _text(source: str) -> str:
    return "\n\n".join(block.text for block in read_markdown(source, title="note").blocks)


def test_frontmatter_gives_title_date_and_searchable_lines() -> None:
    """Title and date are taken from the frontmatter; tags stay findable as text."""
    note = read_markdown("---\ntitle: Cabin\ntags: [wifi, lake]\ndate: 2024-05-01\n---\nThe key hangs.", title="a")
    assert (note.title, note.at) == ("Cabin", "2024-05-01")
    assert note.blocks[0].text == "title: Cabin\ntags: wifi, lake\ndate: 2024-05-01\n\nThe key hangs."


@pytest.mark.parametrize("front", ["title: [Cabin", "a: b: c", "date: 2024-13-45", "\tx: 1"])
def test_broken_frontmatter_is_kept_as_text_and_named(front: str) -> None:
    """YAML that does not parse costs neither the note nor its own words."""
    note = read_markdown(f"---\n{front}\n---\nThe key hangs.", title="a")
    assert note.blocks[0].text == f"{front}\n\nThe key hangs."
    assert note.warnings == ("its frontmatter is no valid YAML and was kept as text",)


def test_a_rule_is_not_frontmatter() -> None:
    """Text between two rules at the top of a note is not swallowed."""
    assert "only words" in _text("---\nonly words\n---\nmore")


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("[[Router]]", "Router"),
        ("[[Router|the box]]", "the box"),
        ("[[places/Cabin#Wifi]]", "Cabin Wifi"),
        ("![[plan.png]]", "plan.png"),
        ("`[[ -f x ]]`", "`[[ -f x ]]`"),
        ("[label](http://example.org)", "[label](http://example.org)"),
    ],
)
def test_wikilinks_become_their_words(link: str, words: str) -> None:
    """A link reads as its alias or its page; code and ordinary links are left alone."""
    assert _text(f"See {link} now") == f"See {words} now"


def test_fenced_code_is_left_alone() -> None:
    """Neither brackets nor comment signs in a code block are Markdown."""
    source = "# Script\n\n```sh\n# no heading\n[[ -f x ]]\nid:: 1\n```"
    note = read_markdown(source, title="a")
    assert [(block.text, block.section) for block in note.blocks] == [(source, "Script")]


def test_logseq_ids_go_and_references_become_text() -> None:
    """logseq#5453, #10784: ids never reach the text; a reference reads as the block that it points to."""
    id_ = "64d1f0b0-1111-4222-8333-444455556666"
    source = f"- Buy seeds\n  id:: {id_}\n  collapsed:: true\n- See (({id_})) and [the list]((({id_})))"
    assert _text(source) == "- Buy seeds\n- See Buy seeds and the list"


def test_logseq_properties_and_tasks() -> None:
    """Properties read as lines; clocks, queries and settings are no words of the writer's."""
    source = (
        "title:: Garden/Plan\ntags:: [[seeds]], spring\n\n- DONE Buy seeds\n  :LOGBOOK:\n  CLOCK: [2024-05-01]\n"
        "  :END:\n- {{query (task todo)}} list\n- {{embed [[Beds]]}}\n  card-last-score:: 5"
    )
    note = read_markdown(source, title="garden___plan")
    assert note.title == "Garden/Plan"
    assert note.blocks[0].text == "title: Garden/Plan\ntags: seeds, spring\n\n- DONE Buy seeds\n-  list\n- Beds"


def test_obsidian_blocks_go_by_their_text() -> None:
    """An embedded block reads as what it says; its id is no word."""
    source = "The key hangs behind the door. ^key-1\n\nSee ![[#^key-1]] and [[#^gone]]\n\nr ^2 = 4"
    assert _text(source) == ("The key hangs behind the door.\n\nSee The key hangs behind the door. and \n\nr ^2 = 4")


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("![[plan.png|300]]", "plan.png"),
        ("| [[Router\\|the box]] |", "| the box |"),
        ("[Trip](Trip%2000112233445566778899aabbccddeeff.md)", "Trip"),
        ("[Trip](https://www.notion.so/Trip-00112233445566778899aabbccddeeff?pvs=21)", "Trip"),
        ("std::string x;", "std::string x;"),
    ],
)
def test_what_programs_add_to_links_goes(link: str, words: str) -> None:
    """Sizes of pictures, escapes of tables, Notion's ids."""
    assert _text(f"See {link} now") == f"See {words} now"


def test_a_drawings_code_is_no_text() -> None:
    """Excalidraw keeps a picture in a note, as code that no person reads."""
    source = "# Text Elements\nBoiler room ^abcdefgh\n\n```compressed-json\nN4KAkARALgngDgUwgL\n```"
    assert _text(source) == "# Text Elements\nBoiler room"


def test_headings_make_the_section_path() -> None:
    """A section's path names the headings above it; one without own text goes with what follows."""
    note = read_markdown("intro\n\n# House\n\n## Roof\ntiles\n\n## Cellar\ndry\n\nGarden\n======\nroses", title="a")
    assert [(block.section, block.text) for block in note.blocks] == [
        (None, "intro"),
        ("House > Roof", "# House\n\n## Roof\ntiles"),
        ("House > Cellar", "## Cellar\ndry"),
        ("Garden", "Garden\n======\nroses"),
    ]
    assert note.title == "House"


def test_a_table_line_is_no_heading() -> None:
    """The line of dashes under a list or table does not make a heading of it."""
    note = read_markdown("- item\n---\n| a | b |\n---\ntext", title="a")
    assert [block.section for block in note.blocks] == [None]
