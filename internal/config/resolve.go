package config

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/spf13/pflag"
)

// Sources is where options come from.
type Sources struct {
	File   string         // a YAML file; empty for none
	Env    []string       // NAME=value, as os.Environ gives them
	Flags  *pflag.FlagSet // as declared by Flags and parsed
	Others []any          // options of other commands: their keys may stand in the file, too, and are passed over
}

// Resolve fills options from the sources: the file, then the environment, then the flags. The error joins all faults, each with the
// line of the file, the variable or the flag that is at fault, and what to write instead.
func Resolve(options any, from Sources) error {
	all := fields(options)
	byKey := map[string]field{}
	for _, f := range all {
		for _, key := range f.keys() {
			byKey[key] = f
		}
	}
	var errs []error
	if from.File != "" {
		errs = append(errs, readFile(from.File, byKey, from.Others)...)
	}
	for _, f := range all {
		for _, key := range f.keys() {
			if text, ok := lookup(from.Env, envName(key)); ok {
				if err := f.set(text); err != nil {
					errs = append(errs, fmt.Errorf("%s: %w", envName(key), err))
				}
			}
		}
	}
	from.Flags.Visit(func(flag *pflag.Flag) {
		if v, ok := flag.Value.(*flagValue); ok {
			if err := v.field.set(v.now); err != nil {
				errs = append(errs, fmt.Errorf("--%s: %w", flag.Name, err))
			}
		}
	})
	return errors.Join(errs...)
}

func lookup(env []string, name string) (string, bool) {
	for _, entry := range slices.Backward(env) {
		if len(entry) > len(name) && entry[:len(name)] == name && entry[len(name)] == '=' {
			return entry[len(name)+1:], true
		}
	}
	return "", false
}

// readFile sets the fields that a YAML file names and returns its faults, each with its line.
func readFile(path string, byKey map[string]field, others []any) []error {
	text, err := os.ReadFile(path)
	if err != nil {
		return []error{err}
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return []error{fmt.Errorf("%s: %s", path, yaml.FormatError(err, false, true))}
	}
	var errs []error
	for _, doc := range file.Docs {
		for _, entry := range entries(doc.Body) {
			line := entry.Key.GetToken().Position.Line
			if err := setEntry(entry, byKey, others); err != nil {
				errs = append(errs, fmt.Errorf("%s:%d: %w", path, line, err))
			}
		}
		if doc.Body != nil && entries(doc.Body) == nil {
			errs = append(errs, fmt.Errorf("%s:%d: write options as name: value", path, doc.Body.GetToken().Position.Line))
		}
	}
	return errs
}

func entries(body ast.Node) []*ast.MappingValueNode {
	switch n := body.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	return nil
}

func setEntry(entry *ast.MappingValueNode, byKey map[string]field, others []any) error {
	key := entry.Key.GetToken().Value
	f, known := byKey[key]
	if !known {
		var names []string
		for name := range byKey {
			names = append(names, name)
		}
		for _, other := range others {
			for _, f := range fields(other) {
				if slices.Contains(f.keys(), key) {
					return nil
				}
				names = append(names, f.key)
			}
		}
		if like := nearest(key, names); like != "" {
			return fmt.Errorf("unknown option %s; did you mean %s?", key, like)
		}
		return fmt.Errorf("unknown option %s", key)
	}
	// Numbers as YAML 1.1 tools write them (1e-6) reach their field as text, so that a file and a flag mean the same.
	switch value := entry.Value.(type) {
	case *ast.NullNode: // says nothing: the default stays
		return nil
	case *ast.LiteralNode: // a block, whose token is its | or >
		return at(key, f.set(value.Value.Value))
	case ast.ScalarNode:
		return at(key, f.set(value.GetToken().Value))
	}
	fresh := f.v.Addr().Interface()
	if err := yaml.NodeToValue(entry.Value, fresh); err != nil {
		return fmt.Errorf("%s: want a %s", key, kind(f.v))
	}
	return nil
}

// at says which option an error is about.
func at(key string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", key, err)
}
