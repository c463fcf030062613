// Loaded right after <body> opens: tells the style sheets that scripts run. The library's own inline line would need an unsafe CSP.
document.body.className += " js-enabled" + ("noModule" in HTMLScriptElement.prototype ? " nhsuk-frontend-supported" : "");
