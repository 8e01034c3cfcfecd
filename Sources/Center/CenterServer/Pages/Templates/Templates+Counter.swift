extension PageTemplates {
  static let counter = """
    {{<layout}}{{$title}}Counter{{/title}}{{$body}}
    <h1>Counter</h1>
    <form method="get" action="/counter" class="card row">
    <div><label for="serial">Serial of a card</label>
    {{#fault}}<p class="fault" id="serial-fault" role="alert">{{fault}}</p>{{/fault}}
    <input class="code" id="serial" name="serial" value="{{typed}}" maxlength="32" autocomplete="off" spellcheck="false"
    {{#fault}}aria-invalid="true" aria-describedby="serial-fault"{{/fault}} required autofocus></div>
    <button type="submit">Find</button>
    </form>
    {{#reader}}<p>Cards are charged in <strong>{{reader}}</strong>.</p>{{/reader}}
    {{^reader}}<p>This server has no reader: codes are sold on paper here, and charged by the command.</p>{{/reader}}
    {{#hasCards}}<table><caption>Cards</caption>
    <thead><tr><th scope="col">Card</th><th scope="col">Holder</th><th scope="col">State</th>
    <th scope="col" class="number">Codes</th></tr></thead>
    <tbody>{{#cards}}<tr><td data-label="Card"><a href="{{path}}"><code>{{serial}}</code></a></td>
    <td data-label="Holder">{{purchaser}}</td><td data-label="State">{{state}}</td>
    <td data-label="Codes" class="number">{{sold}}</td></tr>{{/cards}}</tbody></table>{{/hasCards}}
    {{^hasCards}}<p>No cards are registered beyond this.</p>{{/hasCards}}
    {{#next}}<p class="actions"><a href="/counter?after={{next}}">More cards</a></p>{{/next}}
    {{/body}}{{/layout}}
    """

  static let card = """
    {{<layout}}{{$title}}Card {{serial}}{{/title}}{{$body}}
    <p class="trail"><a href="/counter">Counter</a></p>
    <h1>{{#purchaser}}{{purchaser}}{{/purchaser}}{{^purchaser}}Card{{/purchaser}}</h1>
    <dl class="facts">
    <div><dt>Card</dt><dd><code>{{serial}}</code></dd></div>
    <div><dt>State</dt><dd>{{state}}{{#issued}} since {{issued}}{{/issued}}{{#blocked}}
    <span class="tag">blocked since {{blocked}}</span>{{/blocked}}</dd></div>
    <div><dt>Codes sold</dt><dd>{{sold}}{{#maximum}} of at most {{maximum}}{{/maximum}}{{#amounts}},
    for {{amounts}}{{/amounts}}</dd></div>
    {{#balances}}<div><dt>Account</dt><dd>{{account}}{{#isOwed}} <span class="tag">owed</span>{{/isOwed}}</dd></div>
    <div><dt>Pay-back due</dt><dd>{{payback}}</dd></div>{{/balances}}
    </dl>
    {{#openCharge}}<div class="alert" role="status"><p>A charge of this card is not settled.
    <a href="{{openCharge}}">Look at it</a></p></div>{{/openCharge}}
    {{^isIssued}}<p>This card is not issued yet: nothing can be sold with it.</p>{{/isIssued}}
    {{#isIssued}}{{>card-sell}}{{/isIssued}}
    {{#hasCounts}}<section><h2>Codes</h2>
    <table><caption class="hidden">Codes by title and state</caption>
    <thead><tr><th scope="col">Title</th><th scope="col">State</th><th scope="col" class="number">Codes</th></tr></thead>
    <tbody>{{#counts}}<tr><td data-label="Title">{{codeTitle}}</td><td data-label="State">{{codeState}}</td>
    <td data-label="Codes" class="number">{{count}}</td></tr>{{/counts}}</tbody></table>
    <ul class="plain">
    {{#sheets}}<li><a href="{{sheetPath}}">Sheet {{sheetNumber}}</a> of {{soldAt}}: {{sheetCodes}} codes, {{sheetUnused}}
    unused</li>{{/sheets}}
    {{#charges}}<li><a href="{{chargePath}}">Charge {{chargeNumber}}</a> of {{chargedAt}}: {{chargeCodes}} codes,
    {{chargeState}}</li>{{/charges}}
    </ul></section>{{/hasCounts}}
    {{>grants}}
    {{#isIssued}}{{>card-money}}{{/isIssued}}
    {{/body}}{{/layout}}
    """

  static let cardSell = """
    <section><h2>Sell codes</h2>
    {{#remaining}}<p>At most {{remaining}} more codes may be sold with this card.</p>{{/remaining}}
    {{^hasTitles}}<p>No title is registered yet.</p>{{/hasTitles}}
    {{#hasTitles}}<div class="pair">
    <form method="post" action="{{path}}/sheets" class="card"><h3>On paper</h3>
    <input type="hidden" name="key" value="{{sheetsKey}}">
    <label for="sheet-title">Title</label>
    <select id="sheet-title" name="title">{{#titles}}<option value="{{titleID}}">{{titleName}}</option>{{/titles}}</select>
    <label for="sheet-quantity">Codes</label>
    <input class="short" id="sheet-quantity" name="quantity" type="number" min="1" max="1000" value="1" required>
    <label for="sheet-until">Good until <span class="hint">(no end if left empty)</span></label>
    <input id="sheet-until" name="until" type="date">
    <button type="submit">Sell a seal sheet</button></form>
    {{#reader}}<form method="post" action="{{path}}/charges" class="card"><h3>Onto the card</h3>
    <p class="hint">Put the card into {{reader}} first.</p>
    <input type="hidden" name="key" value="{{chargesKey}}">
    <label for="charge-title">Title</label>
    <select id="charge-title" name="title">{{#titles}}<option value="{{titleID}}">{{titleName}}</option>{{/titles}}</select>
    <label for="charge-quantity">Codes</label>
    <input class="short" id="charge-quantity" name="quantity" type="number" min="1" max="1000" value="1" required>
    <label for="charge-until">Good until <span class="hint">(no end if left empty)</span></label>
    <input id="charge-until" name="until" type="date">
    <p class="check"><input type="checkbox" id="charge-fewer" name="fewer" value="yes">
    <label for="charge-fewer">Fewer will do, if the card takes no more</label></p>
    <button type="submit">Charge the card</button></form>{{/reader}}
    </div>{{/hasTitles}}
    </section>

    """

  static let cardMoney = """
    <section><h2>Money</h2>
    <div class="pair">
    <form method="post" action="{{path}}/deposits" class="card"><h3>Take money in</h3>
    <input type="hidden" name="key" value="{{depositsKey}}">
    <div class="row"><div><label for="deposit-amount">Amount</label>
    <input class="short" id="deposit-amount" name="amount" inputmode="decimal" maxlength="20" required></div>
    <div><label for="deposit-currency">Currency</label>
    <input class="tiny" id="deposit-currency" name="currency" value="{{currency}}" maxlength="3" required></div></div>
    <button type="submit">Take in</button></form>
    <form method="post" action="{{path}}/payouts" class="card"><h3>Pay pay-back out</h3>
    <input type="hidden" name="key" value="{{payoutsKey}}">
    <div class="row"><div><label for="payout-amount">Amount</label>
    <input class="short" id="payout-amount" name="amount" inputmode="decimal" maxlength="20" required></div>
    <div><label for="payout-currency">Currency</label>
    <input class="tiny" id="payout-currency" name="currency" value="{{currency}}" maxlength="3" required></div></div>
    <label for="payout-destination">To</label>
    <select id="payout-destination" name="destination"><option value="account">the holder's account</option>
    <option value="cash">cash</option></select>
    <button type="submit">Pay out</button></form>
    <form method="post" action="{{path}}/refunds" class="card"><h3>Take unused codes back</h3>
    <input type="hidden" name="key" value="{{refundsKey}}">
    <label for="refund-source">What</label>
    <select id="refund-source" name="source"><option value="sheet">a sheet, by its number</option>
    <option value="charge">a charge, by its number</option><option value="code">one code</option></select>
    <label for="refund-which">Number or code</label>
    <input id="refund-which" name="which" maxlength="40" autocomplete="off" spellcheck="false" required>
    <label for="refund-destination">Money back to</label>
    <select id="refund-destination" name="destination"><option value="account">the holder's account</option>
    <option value="cash">cash</option><option value="payment">the means of payment</option></select>
    <button type="submit">Take back</button></form>
    <form method="post" action="{{path}}/points" class="card"><h3>Exchange points</h3>
    <input type="hidden" name="key" value="{{pointsKey}}">
    <div class="row"><div><label for="points">Points</label>
    <input class="short" id="points" name="points" type="number" min="1" required></div>
    <div><label for="points-currency">Into</label>
    <input class="tiny" id="points-currency" name="currency" value="{{currency}}" maxlength="3" required></div></div>
    <button type="submit">Exchange</button></form>
    </div></section>
    <section><h2>Words</h2>
    <div class="pair">
    <form method="post" action="{{path}}/introduction" class="card"><h3>Who introduced this holder?</h3>
    <input type="hidden" name="key" value="{{introductionKey}}">
    <label for="introducer">Serial of the introducer's card, or a code from it</label>
    <input id="introducer" name="introducer" maxlength="40" autocomplete="off" spellcheck="false" required>
    <button type="submit">Note it</button></form>
    <form method="post" action="{{path}}/notices" class="card"><h3>Send a notice</h3>
    <input type="hidden" name="key" value="{{noticesKey}}">
    <label for="notice-text">Text <span class="hint">(only the card opens it)</span></label>
    <input id="notice-text" name="text" maxlength="250" required>
    <button type="submit">Send</button></form>
    </div></section>

    """

  static let sheet = """
    {{<layout}}{{$title}}Seal sheet {{number}}{{/title}}{{$kind}}sheet{{/kind}}{{$body}}
    <div class="screen-only card"><p class="trail"><a href="{{cardPath}}">Card {{serial}}</a></p>
    <p><strong>Print this page on A4 with your browser now.</strong> When it is on paper, say so: the centre then forgets
    the codes, and nobody can show them again.</p>
    <form method="post" action="{{path}}/printed"><input type="hidden" name="key" value="{{printedKey}}">
    <button type="submit">It is on paper</button></form></div>
    <header class="sheet-head">
    <h1>Seal sheet {{number}}</h1>
    <p>{{center}}</p>
    <dl class="facts">
    <div><dt>Title</dt><dd>{{sheetTitle}}</dd></div>
    <div><dt>Card</dt><dd><code>{{serial}}</code></dd></div>
    <div><dt>Redeem at</dt><dd>{{url}}</dd></div>
    <div><dt>Good until</dt><dd>{{#until}}{{until}}{{/until}}{{^until}}no date{{/until}}</dd></div>
    </dl>
    <p class="hint">{{codeCount}}. Each is good for one download: whoever has the code has the right. Cut along the dashed
    lines, fold at the dotted line so that the code is inside, and close the seal.</p>
    </header>
    <ol class="seals" aria-label="Codes">
    {{#seals}}<li class="seal">
    <div class="outside"><p class="seal-title">{{sheetTitle}}</p><p class="hint">Sheet {{number}}, seal {{place}}. Open to
    redeem.</p></div>
    <div class="inside">
    {{#side}}<svg class="qr" viewBox="0 0 {{side}} {{side}}" role="img" aria-label="QR code of seal {{place}}"
    shape-rendering="crispEdges"><rect width="{{side}}" height="{{side}}" fill="#fff"/><path fill="#000" d="{{modules}}"/></svg>
    {{/side}}
    <div><p class="code">{{code}}</p><p class="hint">Scan, or type it at<br>{{url}}{{#until}}<br>until {{until}}{{/until}}</p></div>
    </div></li>
    {{/seals}}
    </ol>
    {{/body}}{{/layout}}
    """

  static let charge = """
    {{<layout}}{{$title}}Charging{{/title}}{{$kind}}narrow{{/kind}}{{$body}}
    <p class="trail"><a href="{{cardPath}}">Card {{serial}}</a></p>
    {{#isRunning}}<h1>Charging the card…</h1>
    <div class="progress" role="status"><p>Leave the card in {{reader}}. This page looks again each second.</p></div>
    <p><a href="{{path}}">Look now</a></p>{{/isRunning}}
    {{^isRunning}}
    {{#isBooked}}<h1>The card is charged</h1>
    <p class="lead">{{actual}} for {{chargeTitle}}, {{amount}}.{{#isFewer}} {{desired}} were wanted; the card takes no
    more.{{/isFewer}}</p><p>Take the card out.</p>{{/isBooked}}
    {{#isVoid}}<h1>This charge was given up</h1>
    <p class="lead">Nothing was billed; its codes are worth nothing.</p>{{/isVoid}}
    {{#isUnsettled}}<h1>The card is not charged yet</h1>
    {{#failure}}<div class="alert" role="alert"><p>{{failure}}</p></div>{{/failure}}
    <p>Nothing is billed before the card has said that it holds the codes. Carry on as often as it takes: the price is taken
    once.</p>
    {{#againKey}}<form method="post" action="{{path}}/again"><input type="hidden" name="key" value="{{againKey}}">
    <button type="submit">Carry on</button></form>{{/againKey}}
    {{#giveUpKey}}<details><summary>Give the charge up</summary>
    <p>If the card is lost: its new codes become worth nothing, wherever they are.</p>
    <form method="post" action="{{path}}/given-up"><input type="hidden" name="key" value="{{giveUpKey}}">
    <button class="second" type="submit">Give the charge up</button></form></details>{{/giveUpKey}}{{/isUnsettled}}
    <p class="actions"><a href="{{cardPath}}">Back to the card</a></p>
    {{/isRunning}}
    {{/body}}{{/layout}}
    """

  static let payback = """
    {{<layout}}{{$title}}Pay-back{{/title}}{{$body}}
    <h1>Pay-back</h1>
    {{#hasRules}}<table><caption>Rules</caption>
    <thead><tr><th scope="col" class="number">Rule</th><th scope="col">For</th><th scope="col">Gives</th>
    <th scope="col">If</th><th scope="col">Until</th><td></td></tr></thead>
    <tbody>{{#rules}}<tr><td data-label="Rule" class="number">{{ruleNumber}}</td><td data-label="For">{{kind}}</td>
    <td data-label="Gives">{{reward}}</td><td data-label="If">{{conditions}}</td>
    <td data-label="Until">{{#ends}}{{ends}}{{/ends}}{{^ends}}no end{{/ends}}</td>
    <td>{{#isOver}}<span class="tag">ended</span>{{/isOver}}{{^isOver}}<form method="post" action="{{endPath}}">
    <input type="hidden" name="key" value="{{endKey}}">
    <button class="second" type="submit">End<span class="hidden"> rule {{ruleNumber}}</span></button></form>{{/isOver}}</td>
    </tr>{{/rules}}</tbody></table>{{/hasRules}}
    {{^hasRules}}<p>There are no rules yet: nothing is paid back.</p>{{/hasRules}}
    <form method="post" action="/counter/payback" class="card"><h2>New rule</h2>
    <p class="hint">A rule is never edited: it is ended, and another one made. What it granted stays.</p>
    <input type="hidden" name="key" value="{{key}}">
    <fieldset><legend>What it gives</legend>
    <label for="kind">For</label>
    <select id="kind" name="kind"><option value="referral">bringing a new holder (an amount)</option>
    <option value="bulk">many codes at once (an amount or a share)</option>
    <option value="points">buying at all (points)</option></select>
    <label for="gives">It gives</label>
    <select id="gives" name="gives"><option value="amount">this amount</option>
    <option value="share">this share of the sale, in per cent</option>
    <option value="points">one point for each such amount</option></select>
    <div class="row"><div><label for="value">Amount or per cent</label>
    <input class="short" id="value" name="value" inputmode="decimal" maxlength="20" required></div>
    <div><label for="rule-currency">Currency</label>
    <input class="tiny" id="rule-currency" name="currency" value="{{currency}}" maxlength="3"></div></div></fieldset>
    <fieldset><legend>If all of this is so <span class="hint">(what is empty asks for nothing)</span></legend>
    <div class="row"><div><label for="codes-in-sale">Codes in the sale</label>
    <input class="short" id="codes-in-sale" name="codesInSale" type="number" min="0"></div>
    <div><label for="codes-in-all">Codes with the card</label>
    <input class="short" id="codes-in-all" name="codesInAll" type="number" min="0"></div>
    <div><label for="codes-used">Codes redeemed</label>
    <input class="short" id="codes-used" name="codesUsed" type="number" min="0"></div></div>
    <label for="rule-title">Only for</label>
    <select id="rule-title" name="title"><option value="">every title</option>
    {{#titles}}<option value="{{titleID}}">{{titleName}}</option>{{/titles}}</select>
    <label for="rule-until">Until</label><input id="rule-until" name="until" type="date"></fieldset>
    <button type="submit">Make the rule</button></form>
    <form method="post" action="/counter/payback/worth" class="card"><h2>What a point is worth</h2>
    <input type="hidden" name="key" value="{{worthKey}}">
    <div class="row"><div><label for="worth-amount">Amount</label>
    <input class="short" id="worth-amount" name="amount" inputmode="decimal" maxlength="20" required></div>
    <div><label for="worth-currency">Currency</label>
    <input class="tiny" id="worth-currency" name="currency" value="{{currency}}" maxlength="3" required></div></div>
    <button type="submit">Set</button></form>
    {{/body}}{{/layout}}
    """

  static let audit = """
    {{<layout}}{{$title}}Audit log{{/title}}{{$body}}
    <h1>Audit log</h1>
    <p class="lead">{{head}} records, each sealed to the one before. <code>warifu center verify</code> checks them all.</p>
    <table><caption class="hidden">Records, newest first</caption>
    <thead><tr><th scope="col" class="number">Record</th><th scope="col">Time</th><th scope="col">What</th>
    <th scope="col">Of</th><th scope="col">Details</th></tr></thead>
    <tbody>{{#entries}}<tr><td data-label="Record" class="number">{{sequence}}</td><td data-label="Time">{{time}}</td>
    <td data-label="What">{{action}}</td><td data-label="Of"><code>{{subject}}</code></td><td data-label="Details">{{note}}</td>
    </tr>{{/entries}}</tbody></table>
    <p class="actions">{{#newest}}<a href="/counter/audit">Newest</a>{{/newest}}
    {{#older}}<a href="/counter/audit?before={{older}}">Older</a>{{/older}}</p>
    {{/body}}{{/layout}}
    """

  static let ledger = """
    {{<layout}}{{$title}}Ledger{{/title}}{{$body}}
    <h1>Ledger</h1>
    {{#hasAccounts}}<table><caption>Accounts</caption>
    <thead><tr><th scope="col">Account</th><th scope="col" class="number">Balance</th></tr></thead>
    <tbody>{{#accounts}}<tr><td data-label="Account"><a href="/counter/ledger?account={{accountNumber}}">{{accountName}}</a></td>
    <td data-label="Balance" class="number">{{balance}}</td></tr>{{/accounts}}</tbody></table>{{/hasAccounts}}
    <h2>Entries{{#only}}: {{only}}{{/only}}</h2>
    {{#only}}<p><a href="/counter/ledger">Entries of all accounts</a></p>{{/only}}
    {{#hasEntries}}<table><caption class="hidden">Entries, oldest first</caption>
    <thead><tr><th scope="col" class="number">Entry</th><th scope="col">Time</th><th scope="col">For</th>
    <th scope="col">Postings</th></tr></thead>
    <tbody>{{#entries}}<tr><td data-label="Entry" class="number">{{entryNumber}}</td><td data-label="Time">{{time}}</td>
    <td data-label="For">{{memo}}</td>
    <td data-label="Postings"><ul class="plain">{{#postings}}<li>{{postingAccount}} <span class="amount">{{amount}}</span></li>
    {{/postings}}</ul></td></tr>{{/entries}}</tbody></table>{{/hasEntries}}
    {{^hasEntries}}<p>Nothing moved yet.</p>{{/hasEntries}}
    {{#next}}<p class="actions"><a href="/counter/ledger?after={{next}}{{#onlyNumber}}&amp;account={{onlyNumber}}{{/onlyNumber}}">
    More entries</a></p>{{/next}}
    {{/body}}{{/layout}}
    """
}
