import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  base: '/dashboard/',
  plugins: [react()],
  // The gateway puts a fresh value in its place with every page it serves.
  html: { cspNonce: '__CSP_NONCE__' },
  build: {
    outDir: '../src/CurateMe.Gateway/wwwroot/dashboard',
    emptyOutDir: true,
    manifest: true,
    // A data: address would need a hole in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 800,
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: 'vendor', test: /node_modules[\\/](react|react-dom|scheduler|@mantine[\\/](core|hooks|notifications)|@tanstack[\\/](react-query|query-core)|wouter|regexparam|openapi-fetch|openapi-react-query)[\\/]/ },
          ],
        },
      },
    },
  },
});
