// Command flagd reads a flag file as the daemon flagd does, with flagd's own watcher, schema, store and evaluator, and
// prints what a flag resolves to: once at first, then whenever the watcher has told of the file.
//
//	flagd FILE FLAG
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/open-feature/flagd/core/pkg/evaluator"
	"github.com/open-feature/flagd/core/pkg/logger"
	"github.com/open-feature/flagd/core/pkg/store"
	"github.com/open-feature/flagd/core/pkg/sync"
	"github.com/open-feature/flagd/core/pkg/sync/file"
	"go.uber.org/zap"
)

type answer struct {
	Value   string `json:"value"`
	Variant string `json:"variant"`
	Reason  string `json:"reason"`
	Error   string `json:"error,omitempty"`
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "flagd: expected FILE FLAG")
		os.Exit(2)
	}
	if err := watch(context.Background(), os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "flagd:", err)
		os.Exit(1)
	}
}

func watch(ctx context.Context, path, flag string) error {
	quiet := logger.NewLogger(zap.NewNop(), false)
	flags := store.NewFlags()
	flags.FlagSources = []string{path}
	evaluates := evaluator.NewJSON(quiet, flags)
	watcher := file.NewFileSync(path, file.FSNOTIFY, quiet)
	if err := watcher.Init(ctx); err != nil {
		return err
	}
	told, failed := make(chan sync.DataSync, 1), make(chan error, 1)
	go func() { failed <- watcher.Sync(ctx, told) }()
	for {
		select {
		case err := <-failed:
			return err
		case found := <-told:
			if err := say(ctx, evaluates, found, flag); err != nil {
				return err
			}
		}
	}
}

func say(ctx context.Context, evaluates *evaluator.JSON, found sync.DataSync, flag string) error {
	said := answer{}
	if _, _, err := evaluates.SetState(found); err != nil {
		said.Error = err.Error()
	}
	value, variant, reason, _, err := evaluates.ResolveStringValue(ctx, "", flag, map[string]any{})
	if said.Value, said.Variant, said.Reason = value, variant, reason; err != nil {
		said.Error = err.Error()
	}
	return json.NewEncoder(os.Stdout).Encode(said)
}
