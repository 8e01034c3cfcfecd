import Foundation

/// What a page must be for everybody, measured in the browser.
extension Browser {
  /// Every fault that is found: too little contrast (WCAG 1.4.3: 4.5, 3 for large text), a field without a label, an id
  /// twice, a picture or a button without a name, a heading left out, no language, no landmark, something wider than the
  /// window.
  public func accessibilityFaults() async throws -> [String] {
    try await script(Browser.accessibilityScript) as? [String] ?? ["the check gave nothing"]
  }

  private static let accessibilityScript = """
    const faults = [];
    const rgb = text => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
    const over = (top, bottom) => {
      const a = top.length > 3 ? top[3] : 1;
      return [0, 1, 2].map(i => top[i] * a + bottom[i] * (1 - a));
    };
    const light = color => {
      const [r, g, b] = color.map(v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = element => {
      const layers = [];
      for (let e = element; e; e = e.parentElement) {
        const color = rgb(getComputedStyle(e).backgroundColor);
        layers.push(color);
        if (color.length < 4 || color[3] === 1) break;
      }
      return layers.reverse().reduce((below, color) => over(color, below), [255, 255, 255]);
    };
    const isShown = e => e.checkVisibility({ checkVisibilityCSS: true, checkOpacity: true });
    const name = e => e.tagName.toLowerCase() + (e.id ? '#' + e.id : '') + (e.className ? '.' + e.className : '');
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const seen = new Set();
    let measured = 0;
    while (walker.nextNode()) {
      const e = walker.currentNode.parentElement;
      if (!walker.currentNode.data.trim() || seen.has(e) || !isShown(e)) continue;
      seen.add(e);
      const style = getComputedStyle(e), below = ground(e);
      const [a, b] = [light(over(rgb(style.color), below)), light(below)];
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      const size = parseFloat(style.fontSize);
      const least = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
      measured += 1;
      if (ratio < least) faults.push(`contrast ${ratio.toFixed(2)} of ${name(e)}`);
    }
    if (measured < 5) faults.push(`only ${measured} texts measured`);
    for (const e of document.querySelectorAll('input:not([type=hidden]), select, textarea')) {
      if (!e.labels.length && !e.getAttribute('aria-label')) faults.push(`no label for ${name(e)}`);
      const style = getComputedStyle(e), below = ground(e.parentElement);
      const [a, b] = [light(rgb(style.borderTopColor).slice(0, 3)), light(below)];
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (ratio < 3 && e.type !== 'checkbox') faults.push(`border ${ratio.toFixed(2)} of ${name(e)}`);
      for (const id of (e.getAttribute('aria-describedby') || '').split(' ').filter(Boolean))
        if (!document.getElementById(id)) faults.push(`${name(e)} is described by nothing`);
    }
    const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
    for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) faults.push(`id ${id} twice`);
    for (const e of document.querySelectorAll('button, a[href], summary'))
      if (!e.textContent.trim() && !e.getAttribute('aria-label')) faults.push(`no name for ${name(e)}`);
    for (const e of document.querySelectorAll('svg, img'))
      if (!e.getAttribute('aria-label') && !e.getAttribute('alt')) faults.push(`no name for ${name(e)}`);
    for (const e of document.querySelectorAll('th')) if (!e.getAttribute('scope')) faults.push('a th without scope');
    for (const e of document.querySelectorAll('[style], script, [onclick]')) faults.push(`${name(e)} has style or script`);
    if (document.documentElement.lang !== 'en') faults.push('no language');
    if (document.querySelectorAll('main').length !== 1) faults.push('not one main');
    if (!document.querySelector('nav[aria-label]')) faults.push('no named navigation');
    const levels = [...document.querySelectorAll('h1, h2, h3')].map(e => Number(e.tagName[1]));
    if (levels.filter(l => l === 1).length !== 1) faults.push('not one h1');
    levels.forEach((l, i) => { if (i && l > levels[i - 1] + 1) faults.push(`h${l} after h${levels[i - 1]}`); });
    if (document.documentElement.scrollWidth > window.innerWidth + 1)
      faults.push(`${document.documentElement.scrollWidth} wide in ${window.innerWidth}`);
    return faults;
    """
}
