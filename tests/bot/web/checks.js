// What is wrong with a page, as lists of the elements: nothing that can be used lacks a name, no text is hard to read.
() => {
  const channels = text => (text.match(/[\d.]+/g) || []).map(Number)
  const linear = value => (value / 255 <= .03928 ? value / 255 / 12.92 : ((value / 255 + .055) / 1.055) ** 2.4)
  const light = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b)
  const ground = item => {
    for (; item; item = item.parentElement) {
      const colour = channels(getComputedStyle(item).backgroundColor)
      if (colour.length === 3 || colour[3] === 1) return colour
    }
    return [255, 255, 255]
  }
  const contrast = item => {
    const style = getComputedStyle(item)
    const ink = channels(item instanceof SVGElement ? style.fill : style.color)
    const [high, low] = [light(ink), light(ground(item))].sort((a, b) => b - a)
    return (high + .05) / (low + .05)
  }
  const holdsText = item => [...item.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())
  const isNamed = item => item.type === 'hidden' || item.labels?.length || item.getAttribute('aria-label') || item.textContent.trim()
  const ids = [...document.querySelectorAll('[id]')].map(item => item.id)
  return {
    unnamed: [...document.querySelectorAll('input, textarea, button, a, summary')].filter(item => !isNamed(item)).map(item => item.outerHTML),
    faint: [...document.querySelectorAll('body *')].filter(item => holdsText(item) && item.checkVisibility() && contrast(item) < 4.5)
      .map(item => `${contrast(item).toFixed(2)} ${item.outerHTML.slice(0, 120)}`),
    twice: ids.filter((id, place) => ids.indexOf(id) !== place),
    headings: document.querySelectorAll('h1').length === 1 ? [] : ['h1'],
    wider: document.documentElement.scrollWidth <= innerWidth ? [] : [document.documentElement.scrollWidth],
  }
}
