package config

import "github.com/spf13/pflag"

// Flags declares a flag for every option that has a line of help, with the values it holds now as defaults.
func Flags(set *pflag.FlagSet, options any) {
	for _, f := range fields(options) {
		if f.help == "" {
			continue
		}
		flag := set.VarPF(&flagValue{field: f, now: f.text()}, f.flag(), "", f.help)
		if kind(f.v) == "bool" {
			flag.NoOptDefVal = "true"
		}
	}
}

// flagValue keeps what the command line says until Resolve puts it last. A list may be given in several flags.
type flagValue struct {
	field field
	now   string
	given bool
}

func (v *flagValue) String() string { return v.now }
func (v *flagValue) Type() string   { return kind(v.field.v) }

func (v *flagValue) Set(text string) error {
	if k := kind(v.field.v); v.given && (k == "list" || k == "name=value") {
		text = v.now + "," + text
	}
	v.now, v.given = text, true
	return nil
}
