package main

import (
	"encoding/json"
	"io"
)

// writeJSON prints a value for machines.
func writeJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
