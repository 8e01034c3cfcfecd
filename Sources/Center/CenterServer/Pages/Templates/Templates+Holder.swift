extension PageTemplates {
  static let holder = """
    {{<layout}}{{$title}}My card{{/title}}{{$body}}
    <h1>My card</h1>
    <dl class="facts">
    <div><dt>Card</dt><dd><code>{{serial}}</code></dd></div>
    <div><dt>State</dt><dd>{{state}}{{#issued}} since {{issued}}{{/issued}}</dd></div>
    <div><dt>Codes bought</dt><dd>{{sold}}{{#maximum}} of at most {{maximum}}{{/maximum}}{{#amounts}},
    for {{amounts}}{{/amounts}}</dd></div>
    </dl>
    <section><h2>Codes</h2>
    {{#hasCounts}}<table><caption class="hidden">Codes by title and state</caption>
    <thead><tr><th scope="col">Title</th><th scope="col">State</th><th scope="col" class="number">Codes</th></tr></thead>
    <tbody>{{#counts}}<tr><td data-label="Title">{{codeTitle}}</td><td data-label="State">{{codeState}}</td>
    <td data-label="Codes" class="number">{{count}}</td></tr>{{/counts}}</tbody></table>
    <p><a href="/holder/codes">See each code</a></p>{{/hasCounts}}
    {{^hasCounts}}<p>No codes were sold with this card yet. You buy them at the counter, on paper or onto the card.</p>
    {{/hasCounts}}</section>
    <section><h2>Balance</h2>
    {{#hasBalances}}<table><caption class="hidden">Balances</caption>
    <thead><tr><th scope="col" class="number">On your account</th><th scope="col" class="number">Pay-back not paid out</th></tr>
    </thead><tbody>{{#balances}}<tr><td data-label="On your account" class="number">{{account}}{{#isOwed}}
    <span class="tag">owed</span>{{/isOwed}}</td><td data-label="Pay-back" class="number">{{payback}}</td></tr>{{/balances}}
    </tbody></table>{{/hasBalances}}
    {{^hasBalances}}<p>Nothing has moved on your account yet.</p>{{/hasBalances}}
    {{#hasPaymentMethod}}<p>Bills are collected from your means of payment.</p>{{/hasPaymentMethod}}</section>
    {{>grants}}
    <section><h2>Notices</h2>
    {{#hasNotices}}<p>Notices are sealed for your card: only the card opens them. With the card in a reader:
    <code>warifu card notices --center {{origin}}</code></p>
    <table><caption class="hidden">Notices</caption>
    <thead><tr><th scope="col" class="number">Notice</th><th scope="col">Of</th><th scope="col">State</th></tr></thead>
    <tbody>{{#notices}}<tr><td data-label="Notice" class="number">{{number}}</td><td data-label="Of">{{madeAt}}</td>
    <td data-label="State">{{state}}</td></tr>{{/notices}}</tbody></table>{{/hasNotices}}
    {{^hasNotices}}<p>There are no notices for you.</p>{{/hasNotices}}</section>
    <section><h2>Licences</h2>
    {{#hasLicenses}}<table><caption class="hidden">Licences</caption>
    <thead><tr><th scope="col" class="number">Licence</th><th scope="col">Title</th><th scope="col">Medium</th>
    <th scope="col">Given</th><th scope="col">Ends</th></tr></thead>
    <tbody>{{#licenses}}<tr><td data-label="Licence" class="number">{{number}}</td>
    <td data-label="Title"><code>{{softwareID}}</code></td><td data-label="Medium"><code>{{medium}}</code></td>
    <td data-label="Given">{{issuedAt}}</td><td data-label="Ends">{{#ends}}{{ends}}{{/ends}}{{^ends}}never{{/ends}}</td></tr>
    {{/licenses}}</tbody></table>{{/hasLicenses}}
    {{^hasLicenses}}<p>You have no licences for copies yet.</p>{{/hasLicenses}}</section>
    {{/body}}{{/layout}}
    """

  /// What was granted and refunded, as holder and counter see it.
  static let grants = """
    {{#hasGrants}}<section><h2>Pay-back granted</h2>
    <table><caption class="hidden">Pay-back granted</caption>
    <thead><tr><th scope="col">For</th><th scope="col" class="number">Rule</th><th scope="col">On</th>
    <th scope="col" class="number">Amount</th></tr></thead>
    <tbody>{{#grants}}<tr><td data-label="For">{{grantKind}}</td><td data-label="Rule" class="number">{{grantRule}}</td>
    <td data-label="On">{{grantedAt}}</td><td data-label="Amount" class="number">{{grantAmount}}</td></tr>{{/grants}}
    </tbody></table></section>{{/hasGrants}}
    {{#hasRefunds}}<section><h2>Codes taken back</h2>
    <table><caption class="hidden">Refunds</caption>
    <thead><tr><th scope="col">On</th><th scope="col" class="number">Codes</th><th scope="col" class="number">Price</th>
    <th scope="col" class="number">Paid out</th></tr></thead>
    <tbody>{{#refunds}}<tr><td data-label="On">{{refundedAt}}</td>
    <td data-label="Codes" class="number">{{refundCodes}}</td><td data-label="Price" class="number">{{refundPrice}}</td>
    <td data-label="Paid out" class="number">{{refundPaid}}</td></tr>{{/refunds}}</tbody></table></section>{{/hasRefunds}}
    """

  static let holderCodes = """
    {{<layout}}{{$title}}My codes{{/title}}{{$body}}
    <h1>My codes</h1>
    <p class="lead">The codes themselves stand on your card and your paper only; the centre does not keep them.</p>
    {{#hasCodes}}<table><caption class="hidden">Codes</caption>
    <thead><tr><th scope="col" class="number">Code</th><th scope="col">Where</th><th scope="col">State</th>
    <th scope="col">Bought</th><th scope="col">Good until</th><th scope="col" class="number">Price</th></tr></thead>
    <tbody>{{#codes}}<tr><td data-label="Code" class="number">{{number}}</td>
    <td data-label="Where">{{#sheet}}sheet {{sheet}}, seal {{place}}{{/sheet}}{{#charge}}card, charge {{charge}}, code
    {{place}}{{/charge}}</td>
    <td data-label="State">{{state}}</td><td data-label="Bought">{{madeAt}}</td>
    <td data-label="Good until">{{#until}}{{until}}{{/until}}{{^until}}no end{{/until}}</td>
    <td data-label="Price" class="number">{{price}}</td></tr>{{/codes}}</tbody></table>{{/hasCodes}}
    {{^hasCodes}}<p>There are no codes on this page.</p>{{/hasCodes}}
    <p class="actions"><a href="/holder">Back to my card</a>
    {{#next}}<a href="/holder/codes?after={{next}}">More codes</a>{{/next}}</p>
    {{/body}}{{/layout}}
    """
}
