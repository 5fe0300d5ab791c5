package main

import (
	"bytes"
	"testing"
)

// Lines of the log stand above the line that is written over, and nothing of that line stays.
func TestMeter(t *testing.T) {
	var out bytes.Buffer
	m := &meter{out: &out, terminal: true}
	m.print("rows 10")
	m.print("rows 9")
	if _, err := m.Write([]byte("step 1\n")); err != nil {
		t.Fatal(err)
	}
	m.print("rows 8")
	m.done()
	m.done()
	if want := "\rrows 10\rrows 9 \r      \rstep 1\n\rrows 8\r      \r"; out.String() != want {
		t.Errorf("got %q, want %q", &out, want)
	}
}
