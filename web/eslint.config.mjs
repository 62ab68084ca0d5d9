// SPDX-License-Identifier: AGPL-3.0-or-later

import { defineConfig, globalIgnores } from 'eslint/config';
import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

export default defineConfig(
  globalIgnores(['src/core/api.gen.ts']),
  eslint.configs.recommended,
  tseslint.configs.recommendedTypeChecked,
  { languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } } },
  {
    rules: {
      // A reader unfolds one conditional at a time.
      'no-nested-ternary': 'error',
      // Elements compile to calls of h, with Fragment: nothing else may have these names.
      'no-restricted-syntax': [
        'error',
        {
          selector:
            ':matches(VariableDeclarator, VariableDeclarator Property, :function) > Identifier[name=/^(h|Fragment)$/]:not(.init, .key)',
          message: 'JSX compiles to calls of h: choose another name.',
        },
      ],
      // What is caught is passed on as it is.
      '@typescript-eslint/prefer-promise-reject-errors': ['error', { allowThrowingUnknown: true }],
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      // Node awaits its tests itself.
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: [{ from: 'package', name: 'test', package: 'node:test' }] },
      ],
    },
  },
  {
    // These look for characters that no text should have, and for marks without a letter.
    files: ['src/model/invisible.gen.ts', 'src/model/text.ts', 'src/view/markdown.tsx'],
    rules: { 'no-control-regex': 'off', 'no-misleading-character-class': 'off' },
  },
  {
    // What stands in for something asynchronous answers as it does.
    files: ['test/**'],
    rules: { '@typescript-eslint/require-await': 'off' },
  },
  { files: ['**/*.mjs'], extends: [tseslint.configs.disableTypeChecked] },
);
