package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
)

// jobVariable holds the job of a process that is there to be measured, as JSON.
const jobVariable = "STEELYARD_BENCH_JOB"

// A job is what such a process does: one of its fields is set.
type job struct {
	Score    *scoreJob    `json:",omitempty"`
	Pipeline *pipelineJob `json:",omitempty"`
}

// doJob does the job of the variable and ends the process; without one it returns.
func doJob(ctx context.Context) {
	text := os.Getenv(jobVariable)
	if text == "" {
		return
	}
	var j job
	var result any
	err := json.Unmarshal([]byte(text), &j)
	switch {
	case err != nil:
	case j.Score != nil:
		result, err = j.Score.do(ctx)
	case j.Pipeline != nil:
		result, err = j.Pipeline.do(ctx)
	}
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// alone has a job done in a process of its own, on so many threads and no more, and decodes its result.
func alone(ctx context.Context, j job, threads int, result any) error {
	text, err := json.Marshal(j)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var out, messages bytes.Buffer
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), jobVariable+"="+string(text), "GOMAXPROCS="+strconv.Itoa(threads))
	cmd.Stdout, cmd.Stderr = &out, &messages
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", text, err, &messages)
	}
	return json.Unmarshal(out.Bytes(), result)
}
