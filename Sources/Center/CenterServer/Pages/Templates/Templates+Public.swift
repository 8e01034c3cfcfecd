extension PageTemplates {
  static let layout = """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>{{$title}}Licence centre{{/title}} · {{center}}</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="/style.css">
    </head>
    <body class="{{$kind}}page{{/kind}}">
    <a class="skip" href="#main">Skip to the content</a>
    <header class="bar">
    <div class="wrap">
    <a class="mark" href="/">{{center}}</a>
    <nav aria-label="Main">
    <a href="/redeem">Redeem</a>
    {{#isHolder}}<a href="/holder">My card</a>{{/isHolder}}
    {{#isCounter}}<a href="/counter">Counter</a> <a href="/counter/payback">Pay-back</a>{{/isCounter}}
    {{#isReader}}<a href="/counter/ledger">Ledger</a> <a href="/counter/audit">Audit</a>{{/isReader}}
    {{^signedIn}}<a href="/sign-in">Sign in</a>{{/signedIn}}
    {{#signedIn}}<form method="post" action="/sign-out"><input type="hidden" name="key" value="{{signOutKey}}">
    <button class="quiet" type="submit">Sign out <span class="hint">({{role}})</span></button></form>{{/signedIn}}
    </nav>
    </div>
    </header>
    <main id="main" class="wrap">
    {{$body}}{{/body}}
    </main>
    <footer class="wrap"><p>Licence centre of {{center}}. These pages need no script and keep nothing in your browser
    but what you are doing here.</p></footer>
    </body>
    </html>

    """

  static let problem = """
    {{<layout}}{{$title}}{{title}}{{/title}}{{$kind}}narrow{{/kind}}{{$body}}
    <h1>{{title}}</h1>
    <p class="lead">{{detail}}</p>
    <p class="actions">{{#wantsSignIn}}<a class="button" href="/sign-in">Sign in</a>{{/wantsSignIn}}
    {{^wantsSignIn}}<a class="button" href="{{back}}">Back</a>{{/wantsSignIn}}</p>
    <p class="hint">Request <code>{{request}}</code></p>
    {{/body}}{{/layout}}
    """

  static let home = """
    {{<layout}}{{$title}}Welcome{{/title}}{{$kind}}narrow{{/kind}}{{$body}}
    <h1>{{center}}</h1>
    <p class="lead">Do you have a code on a seal, or from a friend? It buys one download.</p>
    <p class="actions"><a class="button" href="/redeem">Redeem a code</a></p>
    {{^signedIn}}<p>Do you have a card of this centre, or work at its counter? <a href="/sign-in">Sign in</a> with a
    sign-in code.</p>{{/signedIn}}
    {{#isHolder}}<p><a href="/holder">See your codes, balance and notices</a></p>{{/isHolder}}
    {{#isCounter}}<p><a href="/counter">Go to the counter</a></p>{{/isCounter}}
    {{#isReader}}<p><a href="/counter/audit">Read the audit log</a></p>{{/isReader}}
    {{/body}}{{/layout}}
    """

  static let redeem = """
    {{<layout}}{{$title}}Redeem a code{{/title}}{{$kind}}narrow{{/kind}}{{$body}}
    <h1>Redeem a code</h1>
    {{#refusal}}<div class="alert" role="alert"><p><strong>This did not work.</strong> {{refusal}}</p></div>{{/refusal}}
    <form method="post" action="/redeem" class="card">
    <input type="hidden" name="key" value="{{key}}">
    <label for="code">Code from your seal</label>
    <p class="hint" id="code-hint">17 letters and digits, such as <span class="nowrap">7K3M-9QWX-2FHA-D8TN-4</span>.
    Capitals, hyphens and spaces do not matter; O is read as 0, and I or L as 1.</p>
    {{#fault}}<p class="fault" id="code-fault" role="alert">{{fault}}</p>{{/fault}}
    <input class="code" id="code" name="code" value="{{typed}}" maxlength="40" autocomplete="off" autocapitalize="characters"
    spellcheck="false" {{#fault}}aria-invalid="true" aria-describedby="code-fault code-hint"{{/fault}}
    {{^fault}}aria-describedby="code-hint"{{/fault}} required autofocus>
    <button type="submit">Check the code</button>
    </form>
    <p>Nothing happens to the code yet: on the next page you see how it was read.</p>
    {{/body}}{{/layout}}
    """

  static let confirm = """
    {{<layout}}{{$title}}Begin the download{{/title}}{{$kind}}narrow{{/kind}}{{$body}}
    <h1>Begin the download?</h1>
    <form method="post" action="/redeem/begin" class="card">
    <input type="hidden" name="key" value="{{key}}">
    <input type="hidden" name="code" value="{{code}}">
    <p>Your code reads</p>
    <p class="code big">{{code}}</p>
    <p>It buys <strong>one download</strong>. When you begin, the download belongs to this browser, and nobody else can use
    the code. A download that breaks off goes on where it was.</p>
    <p class="actions"><button type="submit">Begin the download</button> <a href="/redeem">Type another code</a></p>
    </form>
    {{/body}}{{/layout}}
    """

  static let download = """
    {{<layout}}{{$title}}{{title}}{{/title}}{{$kind}}narrow{{/kind}}{{$body}}
    <h1>{{title}}</h1>
    {{^isDone}}
    <p class="lead">The code is yours. Get the file, then its key.</p>
    <ol class="steps">
    <li class="card"><h2>Download the file</h2>
    <p><a class="button" href="{{path}}/file" download>Download {{size}}</a></p>
    <p class="hint">It is sealed: the key comes in the second step. If the line breaks, download again here or choose Resume
    in your browser; it goes on where it was.</p>
    {{#isBegun}}<p>{{sent}} of {{size}} were sent so far. {{^isSent}}{{left}} are not confirmed yet.{{/isSent}}</p>{{/isBegun}}
    </li>
    <li class="card"><h2>Get its key</h2>
    {{#isSent}}<p>When your browser says that the download is complete, say so here. With that the code is used.</p>
    <form method="post" action="{{path}}/done"><input type="hidden" name="key" value="{{doneKey}}">
    <button type="submit">I have the whole file</button></form>{{/isSent}}
    {{^isSent}}<p>When the file was sent to the end, reload this page to get its key.</p>
    <p><a href="{{path}}">Reload this page</a></p>{{/isSent}}
    </li>
    </ol>
    <details><summary>Give the code back</summary>
    <p>As long as you do not have the key, the code is not used. You can give it back; then it can be redeemed again, here
    or elsewhere.</p>
    <form method="post" action="{{path}}/return"><input type="hidden" name="key" value="{{returnKey}}">
    <button class="second" type="submit">Give the code back</button></form></details>
    {{/isDone}}
    {{#isDone}}
    <p class="lead">The file is yours, and the code is used.</p>
    <section class="card"><h2>The key</h2>
    <p>Keep the key beside <code>{{fileName}}</code>: it opens this file and no other.</p>
    <p><a class="button" href="{{path}}/key" download>Save the key</a></p>
    </section>
    {{#copying}}
    {{#right}}<section class="card"><h2>Copies for others</h2>
    <p>Hand this code on. It is redeemed as yours was, once for each copy: {{taken}} of {{copies}} taken,
    {{copiesLeft}} left.</p>
    <p class="code big">{{copyCode}}</p></section>{{/right}}
    {{#form}}<section class="card"><h2>Copies for others</h2>
    <form method="post" action="{{path}}/copies"><input type="hidden" name="key" value="{{copiesKey}}">
    <p>You may hand on up to {{most}} copies. You set the number once, and get one code for all of them.</p>
    <label for="copies">Copies</label>
    <input class="short" id="copies" name="copies" type="number" min="1" max="{{most}}" value="{{most}}" required>
    <button type="submit">Make a code for copies</button></form></section>{{/form}}
    {{#isUsedUp}}<p>Every copy that you could hand on was taken.</p>{{/isUsedUp}}
    {{/copying}}
    {{/isDone}}
    <dl class="facts">
    <div><dt>Kind</dt><dd>{{type}}</dd></div>
    <div><dt>Size</dt><dd>{{size}}</dd></div>
    {{#expiry}}<div><dt>Good until</dt><dd>{{expiry}}</dd></div>{{/expiry}}
    <div><dt>Software id</dt><dd><code>{{softwareID}}</code></dd></div>
    <div><dt>Piece digest</dt><dd><code>{{digest}}</code></dd></div>
    </dl>
    {{/body}}{{/layout}}
    """

  static let signIn = """
    {{<layout}}{{$title}}Sign in{{/title}}{{$kind}}narrow{{/kind}}{{$body}}
    <h1>Sign in</h1>
    <form method="post" action="/sign-in" class="card">
    <input type="hidden" name="key" value="{{key}}">
    <label for="code">Sign-in code</label>
    <p class="hint" id="code-hint">It is good for ten minutes, and once.</p>
    {{#fault}}<p class="fault" id="code-fault" role="alert">{{fault}}</p>{{/fault}}
    <input class="code" id="code" name="code" maxlength="40" autocomplete="one-time-code" autocapitalize="characters"
    spellcheck="false" {{#fault}}aria-invalid="true" aria-describedby="code-fault code-hint"{{/fault}}
    {{^fault}}aria-describedby="code-hint"{{/fault}} required autofocus>
    <button type="submit">Sign in</button>
    </form>
    <section><h2>Where do I get a code?</h2>
    <p>With your card in a reader: <code>warifu card sign-in --center {{origin}}</code></p>
    <p>For the counter and for auditors, whoever runs the centre makes one:
    <code>warifu center sign-in --role counter</code></p></section>
    {{/body}}{{/layout}}
    """
}
