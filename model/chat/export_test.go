package chat

import "github.com/steelyard-ml/steelyard/model/chat/py"

// Tighten lowers what a rendering of t may use, so that a test reaches the limits sooner.
func (t *Template) Tighten(steps, bytes int64) {
	t.limits = py.Limits{Steps: steps, Bytes: bytes, Depth: limits.Depth}
}
