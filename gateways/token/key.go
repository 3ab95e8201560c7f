// Key files: a pair in PEM, the private half for its owner alone.

package token

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	privateFile = "token.key"
	publicFile  = "token.pub"
)

// Pair reads the pair of keys in a folder, and makes it when there is none: for development.
func Pair(dir string) (ed25519.PrivateKey, ed25519.PublicKey, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("token: %w", err)
	}
	private, err := Private(filepath.Join(dir, privateFile))
	if errors.Is(err, fs.ErrNotExist) {
		if private, err = makePair(dir); err != nil {
			return nil, nil, err
		}
	}
	if err != nil {
		return nil, nil, err
	}
	return private, private.Public().(ed25519.PublicKey), nil
}

func makePair(dir string) (ed25519.PrivateKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("token: no randomness: %w", err)
	}
	privateDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	publicDER, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(dir, publicFile), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER}), 0o644),
		os.WriteFile(filepath.Join(dir, privateFile), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: privateDER}), 0o600))
	if err != nil {
		return nil, fmt.Errorf("token: keep the pair: %w", err)
	}
	return private, nil
}

// Private reads a private key file (PKCS #8, PEM).
func Private(path string) (ed25519.PrivateKey, error) {
	block, err := readPEM(path)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(block)
	if private, ok := key.(ed25519.PrivateKey); ok && err == nil {
		return private, nil
	}
	return nil, fmt.Errorf("token: %s holds no Ed25519 private key", path)
}

// Public reads a public key file (PKIX, PEM).
func Public(path string) (ed25519.PublicKey, error) {
	block, err := readPEM(path)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKIXPublicKey(block)
	if public, ok := key.(ed25519.PublicKey); ok && err == nil {
		return public, nil
	}
	return nil, fmt.Errorf("token: %s holds no Ed25519 public key", path)
}

func readPEM(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("token: %s is not PEM", path)
	}
	return block.Bytes, nil
}
