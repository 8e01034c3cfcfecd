/// How all pages look: system fonts, one accent, light and dark as the reader's system is, paper for the seal sheet.
enum Stylesheet {
  static let text = """
    :root {
      color-scheme: light dark;
      --paper: #f6f5f1; --surface: #ffffff; --ink: #1c1e22; --soft: #565b63; --line: #d5d3cc; --field: #80848b;
      --accent: #14566e; --on-accent: #ffffff; --tint: #e6eff2; --warn: #8f2f1b; --warn-tint: #faeae6;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --paper: #15181c; --surface: #1e2228; --ink: #e9e7e2; --soft: #aeb2b9; --line: #383e46; --field: #858b94;
        --accent: #8ecbe0; --on-accent: #0d1c22; --tint: #20323a; --warn: #ffb4a2; --warn-tint: #3a2320;
      }
    }
    *, *::before, *::after { box-sizing: border-box; }
    html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
    body {
      margin: 0; background: var(--paper); color: var(--ink);
      font: 1.0625rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
    }
    .wrap { max-width: 62rem; margin: 0 auto; padding: 0 1.25rem; }
    .narrow .wrap { max-width: 40rem; }
    main { padding-top: 2rem !important; padding-bottom: 3rem !important; }
    h1 { font-size: 2rem; line-height: 1.2; letter-spacing: -0.015em; margin: 0 0 1rem; overflow-wrap: anywhere; }
    h2 { font-size: 1.3rem; line-height: 1.3; margin: 2.25rem 0 0.75rem; }
    h3, .card h2 { font-size: 1.1rem; line-height: 1.3; margin: 0 0 0.75rem; }
    p { margin: 0 0 1rem; }
    .lead { font-size: 1.2rem; line-height: 1.45; color: var(--soft); max-width: 38rem; }
    .hint { color: var(--soft); font-size: 0.9375rem; }
    .nowrap { white-space: nowrap; }
    .hidden {
      position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
    }
    a { color: var(--accent); text-decoration-thickness: 1px; text-underline-offset: 0.18em; }
    a:hover { text-decoration-thickness: 2px; }
    code, .code { font-family: ui-monospace, "SF Mono", "Cascadia Mono", "Noto Sans Mono", "DejaVu Sans Mono", monospace; }
    code { font-size: 0.92em; overflow-wrap: anywhere; }
    :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
    .skip { position: absolute; left: 1rem; top: -4rem; background: var(--surface); padding: 0.6rem 1rem; z-index: 1; }
    .skip:focus { top: 0.5rem; }

    .bar { border-bottom: 1px solid var(--line); background: var(--surface); }
    .bar .wrap, .narrow .bar .wrap {
      max-width: 62rem; display: flex; flex-wrap: wrap; align-items: center; gap: 0.35rem 1.5rem; padding-top: 0.7rem;
      padding-bottom: 0.7rem;
    }
    .mark { font-weight: 650; text-decoration: none; color: var(--ink); margin-right: auto; }
    nav { display: flex; flex-wrap: wrap; align-items: center; gap: 0.35rem 1.25rem; }
    nav form { margin: 0; }
    footer { color: var(--soft); font-size: 0.875rem; padding-bottom: 2rem !important; }
    footer p { border-top: 1px solid var(--line); padding-top: 1rem; max-width: none; }
    .trail { margin-bottom: 0.5rem; font-size: 0.9375rem; }

    .card {
      background: var(--surface); border: 1px solid var(--line); border-radius: 10px; padding: 1.25rem 1.4rem;
      margin: 0 0 1.5rem;
    }
    .card > :last-child { margin-bottom: 0; }
    .pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1.25rem; }
    .pair > .card { margin: 0; }
    .row { display: flex; flex-wrap: wrap; gap: 0.75rem 1.25rem; align-items: end; }
    .row > div { flex: 0 1 auto; min-width: 0; }
    .card.row > div { flex: 1 1 16rem; }
    form.card.row button { margin-top: 0; }

    label { display: block; font-weight: 600; margin: 0.9rem 0 0.3rem; }
    h3 + input + label, h2 + input + label, form > input[type=hidden]:first-child + label, .row label { margin-top: 0; }
    label .hint { font-weight: 400; }
    form .hint { margin: 0 0 0.5rem; }
    input, select {
      font: inherit; color: inherit; background: var(--surface); border: 1.5px solid var(--field); border-radius: 7px;
      padding: 0.5rem 0.7rem; width: 100%; min-height: 2.75rem;
    }
    input.code { font-size: 1.25rem; letter-spacing: 0.04em; text-transform: uppercase; }
    input.short { width: 9rem; max-width: 100%; }
    input.tiny { width: 5.5rem; text-transform: uppercase; }
    input[type=date] { width: 12rem; max-width: 100%; }
    input[aria-invalid] { border-color: var(--warn); }
    .check { display: flex; gap: 0.6rem; align-items: center; margin: 1rem 0 0; }
    .check input { width: 1.3rem; min-height: 1.3rem; flex: none; accent-color: var(--accent); }
    .check label { margin: 0; font-weight: 400; }
    fieldset { border: 0; padding: 0; margin: 0 0 1.25rem; }
    legend { font-weight: 650; padding: 0; margin-bottom: 0.5rem; }

    button, .button {
      display: inline-block; font: inherit; font-weight: 600; line-height: 1.4; text-decoration: none; cursor: pointer;
      background: var(--accent); color: var(--on-accent); border: 1.5px solid var(--accent); border-radius: 7px;
      padding: 0.6rem 1.2rem; min-height: 2.75rem;
    }
    form > button { display: block; margin-top: 1.1rem; }
    form .row { margin-top: 0.9rem; }
    h3 + input + .row, h2 + input + .row { margin-top: 0; }
    .actions button, td button { margin-top: 0; }
    button:hover, .button:hover { filter: brightness(1.12); }
    button.second { background: transparent; color: var(--accent); }
    button.quiet {
      background: none; border: 0; color: var(--accent); font-weight: 400; padding: 0.2rem 0; min-height: 0; margin: 0;
      text-decoration: underline; text-decoration-thickness: 1px; text-underline-offset: 0.18em;
    }
    td button.second { padding: 0.25rem 0.8rem; min-height: 2.25rem; }
    .actions { display: flex; flex-wrap: wrap; gap: 0.75rem 1.5rem; align-items: center; margin-top: 1.25rem; }

    .alert { background: var(--warn-tint); border-left: 4px solid var(--warn); border-radius: 0 8px 8px 0; padding: 0.9rem 1.1rem;
      margin: 0 0 1.5rem; }
    .alert p { margin: 0; }
    .fault { color: var(--warn); font-weight: 600; margin: 0 0 0.5rem; }
    .tag { font-size: 0.875rem; background: var(--tint); border-radius: 5px; padding: 0.1rem 0.45rem; white-space: nowrap; }
    .progress { background: var(--tint); border-left: 4px solid var(--accent); border-radius: 0 8px 8px 0; padding: 0.9rem 1.1rem;
      margin: 0 0 1.5rem; }
    .progress p { margin: 0; }
    p.big { font-size: clamp(1.15rem, 5.2vw, 1.75rem); font-weight: 600; letter-spacing: 0.04em; background: var(--tint);
      border-radius: 8px; padding: 0.8rem 1rem; text-align: center; overflow-wrap: anywhere; }
    .steps { list-style: none; counter-reset: step; padding: 0; margin: 0; }
    .steps > li { counter-increment: step; }
    .steps h2::before { content: counter(step) ". "; color: var(--soft); }
    details { margin: 1.5rem 0; }
    summary { cursor: pointer; color: var(--accent); padding: 0.4rem 0; }
    .plain { list-style: none; padding: 0; margin: 0 0 1rem; }

    .facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 13rem), 1fr)); gap: 0.9rem 1.5rem;
      margin: 1.5rem 0 2rem; }
    .facts div { min-width: 0; }
    .facts dt { color: var(--soft); font-size: 0.875rem; }
    .facts dd { margin: 0; overflow-wrap: anywhere; }

    table { width: 100%; border-collapse: collapse; margin: 0 0 1.25rem; }
    caption { text-align: left; font-size: 1.3rem; font-weight: 650; padding: 0.5rem 0 0.6rem; }
    th { text-align: left; font-size: 0.875rem; font-weight: 600; color: var(--soft); }
    th, td { padding: 0.55rem 0.9rem 0.55rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
    th:last-child, td:last-child { padding-right: 0; }
    .number { text-align: right; font-variant-numeric: tabular-nums; }
    .amount { font-variant-numeric: tabular-nums; white-space: nowrap; }
    td { overflow-wrap: anywhere; }
    td code { display: inline-block; min-width: 9.75rem; }
    td[data-label=Time] { min-width: 6.25rem; }
    td[data-label=What] { min-width: 8.75rem; }
    td form { margin: 0; }

    @media (max-width: 40rem) {
      body { font-size: 1rem; }
      h1 { font-size: 1.6rem; }
      .card { padding: 1rem; }
      thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
      table, caption, tbody, tr, td { display: block; }
      caption.hidden { display: none; }
      tr { border-bottom: 1px solid var(--line); padding: 0.6rem 0; }
      td, .number { border: 0; padding: 0.1rem 0; text-align: left; overflow-wrap: anywhere; }
      td code { display: inline; }
      td[data-label]::before { content: attr(data-label) " "; color: var(--soft); font-size: 0.875rem; margin-right: 0.5rem; }
    }

    .sheet-head .facts { margin: 0.75rem 0; gap: 0.4rem 1.5rem;
      grid-template-columns: repeat(auto-fit, minmax(min(100%, 18rem), 1fr)); }
    .seals { list-style: none; margin: 1rem 0 0; padding: 0; display: grid;
      grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); }
    .seal { background: #fff; color: #000; border: 1px dashed #777; margin: 0 -1px -1px 0; break-inside: avoid; }
    .seal p { margin: 0; }
    .seal .hint { color: #444; font-size: 0.8125rem; line-height: 1.35; margin: 0; overflow-wrap: anywhere; }
    .outside { padding: 0.7rem 1rem; border-bottom: 2px dotted #777; }
    .seal-title { font-weight: 650; }
    .inside { display: flex; gap: 0.8rem; align-items: center; padding: 0.5rem 1rem 0.5rem 0.4rem; }
    .inside .code { font-weight: 700; font-size: 1.05rem; line-height: 1.4; margin-bottom: 0.25rem; }
    .qr { width: 7.5rem; height: 7.5rem; flex: none; }

    @page { size: A4 portrait; margin: 14mm 12mm; }
    @media print {
      :root { --paper: #fff; --surface: #fff; --ink: #000; --soft: #333; --line: #999; }
      body { font-size: 10pt; }
      .bar, footer, .skip, .screen-only { display: none !important; }
      .wrap { max-width: none; padding: 0; }
      main { padding: 0 !important; }
      h1 { font-size: 17pt; margin-bottom: 1mm; }
      .sheet-head .facts { grid-template-columns: 1fr 1fr; }
      .seals { grid-template-columns: 1fr 1fr; margin-top: 4mm; }
      .seal { min-height: 51mm; }
      .outside { padding: 3mm 4mm; }
      .inside { padding: 2mm 3mm 2mm 1mm; gap: 2mm; }
      .inside .code { font-size: 11pt; }
      .seal .hint { font-size: 7.5pt; }
      .qr { width: 35mm; height: 35mm; }
      a { color: inherit; text-decoration: none; }
    }

    """
}
