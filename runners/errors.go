package runners

import (
	"errors"
	"regexp"
	"strings"
)

// What a failure looks like by the time a runner returns it: text with a dump of the plan and, for a panic, of the stack.
var (
	failedDoFn = regexp.MustCompile(`DoFn\[UID:[^\]]*\] failed:\n`)
	panicked   = regexp.MustCompile(`(?m)^panic: `)
	stackBegin = regexp.MustCompile(` goroutine \d+ \[running\]:\n`)
	// A frame of a stack: the function's line, then the file's.
	frame = regexp.MustCompile(`(?m)^(\S.*)\(.*\)\n\t(\S+:\d+)`)
)

// rootCause returns what went wrong first, in words: the error that a DoFn returned, or the panic and the place of it. Beam hands errors
// on as text, so there is nothing to unwrap.
func rootCause(err error) error {
	text := err.Error()
	if stack := stackBegin.FindStringIndex(text); stack != nil {
		// The panic's value stands before the stack; before that, it and the plan stand once more.
		if at := panicked.FindAllStringIndex(text[:stack[0]], -1); at != nil {
			return errors.New(text[at[len(at)-1][0]:stack[0]] + place(text[stack[1]:]))
		}
	}
	if at := failedDoFn.FindAllStringIndex(text, -1); at != nil {
		return errors.New(strings.TrimSpace(text[at[len(at)-1][1]:]))
	}
	if at := strings.LastIndex(text, "caused by:\n"); at >= 0 {
		text = text[at+len("caused by:\n"):]
	}
	return errors.New(strings.TrimSpace(text))
}

// place returns the frame of a stack that panicked: the first below the runtime's and Beam's.
func place(stack string) string {
	for _, f := range frame.FindAllStringSubmatch(stack, -1) {
		if f[1] == "panic" || strings.HasPrefix(f[1], "runtime") || strings.HasPrefix(f[1], "github.com/apache/beam/") {
			continue
		}
		return " in " + f[1] + " at " + f[2]
	}
	return ""
}
