// Package chat renders chat templates, the Jinja templates that turn a conversation into the text a model reads, byte for byte as
// transformers does: [Parse] one, then [Template.Render] an [Input].
//
// The environment is that of transformers' apply_chat_template: Jinja2 3.1.6 in an ImmutableSandboxedEnvironment with trim_blocks,
// lstrip_blocks and loop controls; tojson without HTML escapes; raise_exception, strftime_now and {% generation %} blocks, which render
// their text. A conversation is changed as transformers 5.23 changes it before a template sees it: fields of a message that are null are
// left out, and reasoning stands under each of the names that templates know it by. Not there, and refused by name: the filters pprint,
// random, striptags, urlize and wordwrap, and lipsum.
//
// The one trap: a template may print the date. It is [Input].Now and never the clock, so that a data set comes out the same tomorrow.
package chat
