package filters

import "github.com/steelyard-ml/steelyard/model/chat/jinja"

// Filters returns Jinja's own filters, but for random, urlize, pprint, striptags and wordwrap, which no chat template uses, and tojson,
// which transformers replaces.
func Filters() map[string]jinja.Filter {
	return map[string]jinja.Filter{
		"abs": abs, "attr": attr, "batch": batch, "capitalize": method("capitalize"), "center": center, "count": length, "d": defaulted,
		"default": defaulted, "dictsort": dictSort, "e": escape, "escape": escape, "filesizeformat": fileSize, "first": first,
		"float": toFloat, "forceescape": forceEscape, "format": format, "groupby": groupBy, "indent": indent, "int": toInt, "items": items,
		"join": join, "last": last, "length": length, "list": toList, "lower": method("lower"), "map": mapped, "max": extreme(">"),
		"min": extreme("<"), "reject": selecting{}.filter, "rejectattr": selecting{byAttribute: true}.filter,
		"replace": replace, "reverse": reverse, "round": round, "safe": safe, "select": selecting{want: true}.filter,
		"selectattr": selecting{want: true, byAttribute: true}.filter, "slice": sliced, "sort": sorted, "string": toString, "sum": sum, "title": title,
		"trim": trim, "truncate": truncate, "unique": unique, "upper": method("upper"), "urlencode": urlEncode, "wordcount": wordCount,
		"xmlattr": xmlAttr,
	}
}
