package runners

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners/vet"
)

// missing finds, in the code that Beam writes to mend a pipeline, what the code registers.
var missing = []struct {
	what string
	call *regexp.Regexp
}{
	{"function", regexp.MustCompile(`runtime\.RegisterFunction\((.+)\)`)},
	{"type", regexp.MustCompile(`runtime\.RegisterType\(reflect\.TypeOf\(\(\*(.+)\)\(nil\)\)\.Elem\(\)\)`)},
	{"signature", regexp.MustCompile(`reflectx\.RegisterFunc\(reflect\.TypeOf\(\(\*(.+)\)\(nil\)\)\.Elem\(\), `)},
	{"emitter", regexp.MustCompile(`exec\.RegisterEmitter\(reflect\.TypeOf\(\(\*(.+)\)\(nil\)\)\.Elem\(\), `)},
	{"iterator", regexp.MustCompile(`exec\.RegisterInput\(reflect\.TypeOf\(\(\*(.+)\)\(nil\)\)\.Elem\(\), `)},
}

// strict returns an error that names all that a pipeline uses and nobody has registered: a worker of another process would not find it, or
// only by way of reflection. It is what Beam's --beam_strict asks for.
func strict(ctx context.Context, p *beam.Pipeline) error {
	found, err := vet.Evaluate(ctx, p)
	if err != nil {
		return fmt.Errorf("beam_strict: %w", err)
	}
	if found.Performant() {
		return nil
	}
	found.Generate("main")
	var names []string
	for _, m := range missing {
		for _, call := range m.call.FindAllSubmatch(found.Bytes(), -1) {
			names = append(names, m.what+" "+string(call[1]))
		}
	}
	return fmt.Errorf("beam_strict: not registered: %s; register them with Beam's register package", strings.Join(names, ", "))
}
