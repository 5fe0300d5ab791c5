package config

import "github.com/spf13/pflag"

// Flags declares a flag for every option that has a usage, with the value it holds now as default. Underscores in place of dashes are
// understood, as in --learning_rate.
func Flags(set *pflag.FlagSet, options any) {
	set.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName { return pflag.NormalizedName(flagName(name)) })
	for _, f := range fields(options) {
		if f.usage == "" {
			continue
		}
		value := &flagValue{field: f, now: f.text()}
		for _, key := range f.keys() {
			usage := f.usage
			if f.alias != "" {
				usage += "; also --" + flagName(f.alias)
			}
			flag := set.VarPF(value, flagName(key), "", usage)
			flag.Hidden = key == f.alias
			if kind(f.v) == "bool" {
				flag.NoOptDefVal = "true"
			}
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
	if k := kind(v.field.v); v.given && (k == "list" || k == "numbers" || k == "name=value") {
		text = v.now + "," + text
	}
	v.now, v.given = text, true
	return nil
}
