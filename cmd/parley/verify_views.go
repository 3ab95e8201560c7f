// parley verify --views.

package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
)

func verifyViews(context.Context, Settings, *slog.Logger, io.Writer, string) error { return errors.New("not yet") }
