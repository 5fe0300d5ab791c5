package chat

import "github.com/steelyard-ml/steelyard/model/chat/py"

// Tighten lowers what a rendering of t may use, so that a test reaches the limits sooner.
func (t *Template) Tighten() {
	t.limits = py.Limits{Steps: 300_000, Bytes: 8 << 20, Depth: limits.Depth}
}
