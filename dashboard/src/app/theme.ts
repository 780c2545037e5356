import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core';

const pine: MantineColorsTuple = ['#eefaf5', '#d6f1e6', '#abe3cd', '#7bd3b2', '#52c39b', '#37b389', '#1f9d74', '#127a5a', '#0d684c', '#08523b'];

// Text in them on their own tints is at least 4.5:1.
const amber: MantineColorsTuple = ['#fff8e6', '#fdefc8', '#fbe0a0', '#f7cf74', '#f0bb48', '#dfa42a', '#a86f08', '#8a5a06', '#744b05', '#5c3b04'];
const rust: MantineColorsTuple = ['#fff3ea', '#fde3cf', '#fac59f', '#f5a56c', '#ef8a45', '#dd7226', '#b55413', '#98440d', '#7d370a', '#632b07'];
const brick: MantineColorsTuple = ['#fdf0ef', '#fbdcda', '#f7bdb9', '#f29d98', '#ec7a74', '#dc4a44', '#c2322d', '#a82a26', '#8c211e', '#6e1816'];

// The greys of the dark theme lean to the accent's side, as its cards do.
const dark: MantineColorsTuple = ['#d5dcdf', '#b9c3c7', '#8f9aa0', '#5d686e', '#3b454a', '#2d3539', '#232a2e', '#1b2023', '#14181a', '#0e1113'];

export const theme = createTheme({
  primaryColor: 'pine',
  primaryShade: 7,
  colors: { pine, dark, yellow: amber, orange: rust, red: brick },
  fontFamily: 'ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace',
  headings: { fontWeight: '650', sizes: { h1: { fontSize: '1.375rem', lineHeight: '1.3' }, h2: { fontSize: '1rem', lineHeight: '1.4' }, h3: { fontSize: '0.9rem', lineHeight: '1.4' } } },
  defaultRadius: 'md',
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    Modal: { defaultProps: { centered: true, closeButtonProps: { 'aria-label': 'Close' } } },
    Drawer: { defaultProps: { closeButtonProps: { 'aria-label': 'Close' } } },
    Notification: { defaultProps: { closeButtonProps: { 'aria-label': 'Close' } } },
    Tooltip: { defaultProps: { openDelay: 300, withArrow: true, multiline: true, maw: 320 } },
    Badge: { defaultProps: { radius: 'sm', tt: 'none', fw: 600 } },
    Select: { defaultProps: { comboboxProps: { shadow: 'md' }, allowDeselect: false } },
  },
});

// Small grey text that can be read: at least 4.5:1 on both backgrounds.
export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': '#59636e', '--mantine-color-placeholder': '#6b7580', '--cm-page': '#f6f8f8', '--cm-card': '#ffffff', '--cm-line': '#e1e6e6', '--cm-held': '#8fcdb8', '--cm-spent': '#127a5a',
    '--mantine-color-error': '#c02626',
  },
  dark: {
    '--mantine-color-dimmed': '#a1abb3', '--mantine-color-placeholder': '#8d979f', '--cm-page': '#14181a', '--cm-card': '#1b2023', '--cm-line': '#2d3539', '--cm-held': '#2d6f59', '--cm-spent': '#37b389',
    '--mantine-color-body': '#14181a', '--mantine-color-error': '#ff8f8f',
  },
});

/** Colours of a chart's series, in order; told apart also without red and green. */
export const series = ['#127a5a', '#3b82c4', '#e0922f', '#8b63c9', '#d0566b', '#2aa8a8', '#8a9a3b', '#b06a3c', '#5b6b8c', '#c277b5'];
export const rest = '#98a2a9';
